"""Trains models on the lake's series, deploys them to the endpoint and evaluates forecasts."""
