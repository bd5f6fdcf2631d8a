"""The state machine that deploys a version of the model."""
