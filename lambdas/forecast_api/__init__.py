"""The forecast API behind API Gateway; its contract is ``contracts/apis/forecast.openapi.yaml``."""
