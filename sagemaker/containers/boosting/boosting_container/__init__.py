"""Gradient-boosted quantiles behind the contract of SageMaker's DeepAR.

Channels, requests and responses are DeepAR's. In addition, the container reads the optional field
``related`` of a series, which DeepAR ignores: other pollutants, the area's mean, past weather.
"""
