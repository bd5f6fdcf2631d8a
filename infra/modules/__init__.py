"""Constructs of the estate, one a concern, each with a dataclass of its inputs."""
