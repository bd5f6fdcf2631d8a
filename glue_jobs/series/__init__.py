"""Converts readings to hourly series, training channels and recent histories."""
