"""From the lake's series to a model behind the endpoint, and how good its forecasts are."""
