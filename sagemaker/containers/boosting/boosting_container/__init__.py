"""Gradient-boosted quantiles behind the contract of SageMaker's DeepAR.

The same channels, requests and answers; beside them it reads the optional field ``related`` of a
series, which DeepAR ignores: other pollutants, the area's mean, the weather so far.
"""
