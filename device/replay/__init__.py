"""Replay of recordings by many stations at once."""
