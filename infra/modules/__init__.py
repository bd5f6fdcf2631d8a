"""Constructs of the estate, one per concern, each with a dataclass of its inputs."""
