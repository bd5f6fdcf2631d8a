"""Forecasting models for backtests."""
