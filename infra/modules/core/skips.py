"""Skips of Checkov's checks, each with its reason, declared next to the resource.

Checkov does not read skips in Terraform's JSON. They are therefore written to the resource's
comment (``//``), where `infra.cli.scan` finds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # importing cdktf starts Node.js, which the scan does not need
    from cdktf import TerraformElement

COMMENT = "checkov"


def skip(resource: TerraformElement, **reasons: str) -> None:
    """Allows a resource to fail checks: ``skip(bucket, CKV_AWS_144="reason")``."""
    for check, reason in reasons.items():
        resource.add_override(f"//.{COMMENT}.{check}", reason)
