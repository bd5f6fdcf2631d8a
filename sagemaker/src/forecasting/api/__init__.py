"""A client of the forecast API, and verification of its forecasts."""
