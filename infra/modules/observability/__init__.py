"""Alarms, and the topic that they are sent to."""
