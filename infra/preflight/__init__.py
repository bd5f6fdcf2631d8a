"""Checks of an account before an estate is applied in it for the first time."""
