"""Constructs for models: image repositories, role, tracking server."""
