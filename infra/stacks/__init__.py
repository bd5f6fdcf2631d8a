"""Stacks of the estate, divided by the lifetime of their resources."""

from infra.modules.core import bindings as bindings
