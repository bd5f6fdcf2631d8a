"""SageMaker jobs of the models: training, tuning, images."""
