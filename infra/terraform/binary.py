"""Finds Terraform, or fetches the pinned release and verifies it.

The order is: the binary in ``LAKECAST_TERRAFORM``, the one on ``PATH``, and the release whose
checksum is in ``terraform.sums``, which is fetched once.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from contracts.errors import LakecastError

SERIES = "1.11"
"""Release series that the estate supports."""

RELEASE = "1.11.4"
ADDRESS = "https://releases.hashicorp.com/terraform"
SUMS = Path(__file__).with_name("terraform.sums")

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_TIMEOUT = 30  # seconds without a byte

Fetch = Callable[[str], bytes]


class TerraformMissingError(LakecastError):
    """No supported Terraform was found, and none could be fetched."""


def find(environment: Mapping[str, str], home: Path, fetch: Fetch | None = None) -> Path:
    """Returns a Terraform of `SERIES`.

    Parameters
    ----------
    environment
        Environment variables of the process.
    home
        Folder for a fetched release.
    fetch
        Function that downloads the bytes of an address.

    Raises
    ------
    TerraformMissingError
        The Terraform found is of another series, or the release can't be fetched or verified.
    """
    named = environment.get("LAKECAST_TERRAFORM")
    if named:
        found = shutil.which(named)
        if found is None:
            raise TerraformMissingError(f"LAKECAST_TERRAFORM names {named}, which can't be run")
        return _of_series(Path(found), "LAKECAST_TERRAFORM names")
    found = shutil.which("terraform", path=environment.get("PATH", os.defpath))
    if found is not None:
        return _of_series(Path(found), "PATH has")
    fetched = home / f"bin/terraform-{RELEASE}"
    if not fetched.exists():
        _fetch_release(fetched, fetch or _download)
    return fetched


def _of_series(binary: Path, where: str) -> Path:
    answer = subprocess.run(
        [binary, "version", "-json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull},
    )
    try:
        version = str(json.loads(answer.stdout)["terraform_version"])
    except (ValueError, KeyError):
        raise TerraformMissingError(
            f"{where} {binary}, which does not report a Terraform version"
        ) from None
    if version.rpartition(".")[0] != SERIES:
        raise TerraformMissingError(
            f"{where} Terraform {version}; Lakecast needs {SERIES}.x: install one, or set "
            "LAKECAST_TERRAFORM to its path"
        )
    return binary


def _fetch_release(target: Path, fetch: Fetch) -> None:
    system, machine = platform.system().lower(), platform.machine().lower()
    name = f"terraform_{RELEASE}_{system}_{_MACHINES.get(machine, machine)}.zip"
    expected = _checksum(name)
    if expected is None:
        raise TerraformMissingError(
            f"Terraform is not installed, and no release for {system} on {machine} is pinned: "
            f"install Terraform {SERIES}.x"
        )
    address = f"{ADDRESS}/{RELEASE}/{name}"
    try:
        content = fetch(address)
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise TerraformMissingError(
            f"Terraform is not installed, and {address} can't be fetched ({reason}): install "
            f"Terraform {SERIES}.x, or set LAKECAST_TERRAFORM to its path"
        ) from None
    got = hashlib.sha256(content).hexdigest()
    if got != expected:
        raise TerraformMissingError(
            f"{address} has SHA-256 {got}, but {expected} is pinned in {SUMS.name}: it is not used"
        )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        binary = archive.read("terraform")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".draft")
    draft.write_bytes(binary)
    draft.chmod(0o755)
    draft.replace(target)


def _checksum(name: str) -> str | None:
    for line in SUMS.read_text(encoding="utf-8").splitlines():
        checksum, _, file = line.partition("  ")
        if file == name:
            return checksum
    return None


def _download(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:  # noqa: S310 -- it is https
        content: bytes = answer.read()
    return content
