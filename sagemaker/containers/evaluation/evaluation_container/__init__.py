"""The container of processing jobs: prepares forecasts and evaluates them."""
