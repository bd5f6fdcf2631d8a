"""Stacks of the estate, by what must outlive what."""
