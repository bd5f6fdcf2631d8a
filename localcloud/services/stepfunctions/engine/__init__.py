"""Runs executions of state machines."""
