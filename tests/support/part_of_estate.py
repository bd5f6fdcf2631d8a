"""Applies parts of a stack with real Terraform, because a whole stack takes a minute."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contracts.names import Names
from infra.cli.lifecycle import terraform_for
from infra.estate.synthesis import synthesise


def apply(names: Names, home: Path, parts: tuple[str, ...], stack: str = "pipeline") -> None:
    """Applies the resources of a stack that belong to some parts.

    Another test checks that a plan of a whole stack has no changes.

    Parameters
    ----------
    home
        A new folder for Terraform.
    parts
        Prefixes of the resources' names.
    """
    apply_stacks(names, home, {stack: parts})


def apply_stacks(names: Names, home: Path, stacks: Mapping[str, tuple[str, ...]]) -> None:
    """Applies parts of several stacks together as if they were one, which is faster."""
    environment = home / names.environment
    shutil.copytree(_synthesised(names) / names.environment, environment)
    resources: dict[str, dict[str, Any]] = {}
    variables: dict[str, Any] = {}
    for stack, parts in stacks.items():
        folder = environment / stack
        path = folder / "cdk.tf.json"
        document = json.loads(path.read_text())
        variables |= document.get("variable", {})
        for kind, declared in document["resource"].items():
            mine = {name: one for name, one in declared.items() if name.startswith(parts)}
            if mine:
                resources.setdefault(kind, {}).update(mine)
    _order(resources)
    document["resource"] = resources
    if variables:  # Terraform refuses an empty block
        document["variable"] = variables
    path.write_text(json.dumps(document))
    terraform = terraform_for(home)
    terraform.init(folder, home / "data")
    # Without a saved plan, because each of Terraform's commands takes seconds to load the provider.
    terraform._run(folder, home / "data", lambda _: None, "apply", "-auto-approve")


def _order(resources: dict[str, dict[str, Any]]) -> None:
    """Makes state machines depend on the log groups, which the stacks' order ensures otherwise."""
    groups = [
        f"aws_cloudwatch_log_group.{one}" for one in resources.get("aws_cloudwatch_log_group", ())
    ]
    for machine in resources.get("aws_sfn_state_machine", {}).values():
        machine["depends_on"] = [*machine.get("depends_on", ()), *groups]


@functools.cache
def _synthesised(names: Names) -> Path:
    """Returns a folder with the Terraform of an environment, made once per process."""
    folder = Path(tempfile.mkdtemp(prefix="synthesis-"))
    atexit.register(shutil.rmtree, folder)
    synthesise([names.environment], names, folder, "local")
    return folder
