"""The verbs of models, a module for those that load the same libraries."""
