"""Copies training and tuning jobs to MLflow as runs."""
