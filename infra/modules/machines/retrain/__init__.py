"""The state machine that trains, evaluates and registers a new version of the model."""
