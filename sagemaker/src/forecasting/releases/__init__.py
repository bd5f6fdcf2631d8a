"""Versions of the model and what the endpoint serves."""
