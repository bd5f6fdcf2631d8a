"""Constructs of the estate, one per concern, each with a dataclass of its inputs."""

from infra.modules.core import bindings as bindings
