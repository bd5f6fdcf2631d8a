"""Holds rules of EventBridge against the events that AWS documents."""
