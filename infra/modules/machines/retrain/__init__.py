"""The state machine that makes a new version of the model."""
