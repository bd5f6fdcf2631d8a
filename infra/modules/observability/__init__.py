"""Alarms and their topic."""
