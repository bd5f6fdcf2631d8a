"""Holds alarms against the metrics that AWS and the project publish."""
