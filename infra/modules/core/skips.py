"""Checks that a resource fails for a reason, said beside the resource.

Checkov does not see skips in Terraform's JSON, so they travel in the resource's comment (``//``),
where `infra.cli.scan` finds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # importing cdktf starts Node.js, which the scan can do without
    from cdktf import TerraformElement

COMMENT = "checkov"


def skip(resource: TerraformElement, **reasons: str) -> None:
    """Let a resource fail checks: ``skip(bucket, CKV_AWS_144="why")``."""
    for check, reason in reasons.items():
        resource.add_override(f"//.{COMMENT}.{check}", reason)
