"""Terraform's CLI configuration: where the AWS provider comes from.

It is ours and not the user's, so that a plan is the same for everybody: a filesystem mirror where
there is one, and else the registry.
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
"""Where Terraform itself looks for mirrors."""

_ELSEWHERE = ("/opt", "*/registry.terraform.io")


class MirrorError(LakecastError):
    """The mirror that was named does not hold the provider."""


def mirror(environment: Mapping[str, str], version: str) -> Path | None:
    """The first folder that mirrors that version of the provider.

    Raises
    ------
    MirrorError
        ``LAKECAST_TERRAFORM_MIRROR`` names a folder that does not.
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
    """Terraform's CLI configuration with that mirror, or without one."""
    lines = ["disable_checkpoint = true"]
    if folder is not None:
        provider, path = json.dumps([PROVIDER]), json.dumps(str(folder))
        lines += [
            "provider_installation {",
            f"  filesystem_mirror {{\n    path = {path}\n    include = {provider}\n  }}",
            # asked for a provider, Terraform asks all that may have it, the registry too
            f"  direct {{\n    exclude = {provider}\n  }}",
            "}",
        ]
    return "\n".join(lines) + "\n"
