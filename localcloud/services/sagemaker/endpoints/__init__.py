"""SageMaker models, endpoint configurations, endpoints and inference."""
