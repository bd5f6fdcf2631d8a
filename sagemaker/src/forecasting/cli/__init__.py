"""The commands that operate models."""
