"""Checks definitions of state machines."""
