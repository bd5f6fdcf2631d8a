"""Calls services for tasks of state machines."""
