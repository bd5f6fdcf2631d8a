"""The container of processing jobs: what is forecast from, and how good forecasts are."""
