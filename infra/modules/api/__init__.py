"""Constructs of the forecast API."""
