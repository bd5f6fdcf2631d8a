"""Readings to hourly series, training channels and recent histories."""
