"""Terraform's CLI configuration, which sets the source of the AWS provider.

It replaces the user's own, so that a plan is the same for everybody. The source is a filesystem
mirror if there is one, otherwise the registry.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from contracts.errors import LakecastError

PROVIDER = "registry.terraform.io/hashicorp/aws"
_CONVENTIONAL = (
    "~/.terraform.d/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
)
"""Folders in which Terraform itself looks for mirrors."""

_ELSEWHERE = ("/opt", "*/registry.terraform.io")


class MirrorError(LakecastError):
    """The named mirror does not contain the provider."""


def mirror(environment: Mapping[str, str], version: str) -> Path | None:
    """Returns the first folder that mirrors this version of the provider.

    Raises
    ------
    MirrorError
        ``LAKECAST_TERRAFORM_MIRROR`` names a folder without this version.
    """
    named = environment.get("LAKECAST_TERRAFORM_MIRROR")
    if named:
        folder = Path(named).expanduser()
        if not _holds(folder, version):
            raise MirrorError(
                f"LAKECAST_TERRAFORM_MIRROR names {folder}, which has no {PROVIDER} {version}"
            )
        return folder.absolute()
    return next((folder for folder in _candidates() if _holds(folder, version)), None)


def _candidates() -> Iterable[Path]:
    yield from (Path(folder).expanduser() for folder in _CONVENTIONAL)
    yield from (found.parent for found in sorted(Path(_ELSEWHERE[0]).glob(_ELSEWHERE[1])))


def _holds(folder: Path, version: str) -> bool:
    provider = folder / PROVIDER
    return (provider / version).is_dir() or any(
        provider.glob(f"terraform-provider-aws_{version}_*.zip")
    )


def cli_configuration(folder: Path | None) -> str:
    """Returns Terraform's CLI configuration with this mirror, or without one."""
    lines = ["disable_checkpoint = true"]
    if folder is not None:
        provider, path = (
            json.dumps([PROVIDER], allow_nan=False),
            json.dumps(str(folder), allow_nan=False),
        )
        lines += [
            "provider_installation {",
            f"  filesystem_mirror {{\n    path = {path}\n    include = {provider}\n  }}",
            # without the exclusion, Terraform also queries the registry
            f"  direct {{\n    exclude = {provider}\n  }}",
            "}",
        ]
    return "\n".join(lines) + "\n"
