"""Nightly forecasts of all series."""
