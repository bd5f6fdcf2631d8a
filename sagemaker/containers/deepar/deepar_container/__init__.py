"""A container that keeps the contract of SageMaker's built-in DeepAR, on GluonTS.

GluonTS's DeepAR is by its own words unrelated to SageMaker's code: the contract (hyperparameters,
channels, log lines, requests and answers) is the same, the numbers are not.
"""
