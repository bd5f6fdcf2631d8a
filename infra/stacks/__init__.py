"""Stacks of the estate, divided by the lifetime of their resources."""
