"""The process that serves the local cloud."""
