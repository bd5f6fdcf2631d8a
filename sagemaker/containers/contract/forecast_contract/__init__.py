"""What every forecasting container keeps of SageMaker's contract with its built-in DeepAR.

Channels, requests, answers, log lines and the commands ``train`` and ``serve`` are the same for
all models; a container adds its hyperparameters, its training and its `model.ForecastModel`.
"""
