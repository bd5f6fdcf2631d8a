"""A container with the contract of SageMaker's built-in DeepAR, built on GluonTS.

GluonTS states that its DeepAR is unrelated to SageMaker's code: the contract (hyperparameters,
channels, log lines, requests and responses) is the same, the numbers are not.
"""
