"""Sensors as plug-ins: computed, recorded, or read from standard input."""
