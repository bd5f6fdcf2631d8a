"""The data format of SageMaker's built-in DeepAR: series, channels, requests and responses."""
