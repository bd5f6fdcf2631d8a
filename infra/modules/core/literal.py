"""Text that Terraform must not read as its own."""

from __future__ import annotations


def literal(text: str) -> str:
    """Keep ``${…}`` of AWS's own template languages from being read as Terraform's."""
    return text.replace("${", "$${")
