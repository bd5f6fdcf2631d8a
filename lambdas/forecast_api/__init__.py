"""The forecast API behind API Gateway; its contract is ``contracts/forecast_api.openapi.yaml``."""
