"""Drift of inputs and of forecast quality."""
