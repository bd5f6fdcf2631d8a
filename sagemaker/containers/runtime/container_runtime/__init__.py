"""SageMaker's container contract, independent of any model: paths, parameters, log lines."""
