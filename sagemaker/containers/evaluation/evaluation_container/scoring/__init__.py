"""Scores of probabilistic forecasts, and baselines."""
