"""Versions of the model, releases, and the variants that the endpoint serves."""
