"""Escapes text that Terraform would otherwise interpolate."""

from __future__ import annotations


def literal(text: str) -> str:
    """Escapes ``${…}`` of AWS's template languages, so that Terraform does not interpolate it."""
    return text.replace("${", "$${")
