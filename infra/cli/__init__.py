"""The verbs of the estate."""
