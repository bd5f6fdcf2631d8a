"""Sensor plug-ins: simulated, recorded, or read from standard input."""
