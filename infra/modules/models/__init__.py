"""Constructs that models need: image repositories, role, tracking server."""
