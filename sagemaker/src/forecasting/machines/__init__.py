"""Executions of the estate's state machines."""
