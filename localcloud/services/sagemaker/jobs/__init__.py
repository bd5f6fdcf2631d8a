"""SageMaker jobs: training, processing, transform, tuning."""
