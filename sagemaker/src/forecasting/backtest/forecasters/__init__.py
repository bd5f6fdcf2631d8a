"""Models that can be backtested."""
