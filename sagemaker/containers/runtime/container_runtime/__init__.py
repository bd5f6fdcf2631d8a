"""SageMaker's container contract, with no model in it: paths, parameters, log lines."""
