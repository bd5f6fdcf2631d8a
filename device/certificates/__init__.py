"""A device's certificate: claimed, confirmed and rotated."""
