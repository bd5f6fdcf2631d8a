"""Training and tuning jobs as MLflow runs."""
