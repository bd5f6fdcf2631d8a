"""Converts raw messages to validated, deduplicated readings."""
