"""Parts of a stack by real Terraform, where the whole would take a minute."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contracts.names import Names
from infra.cli.lifecycle import terraform_for
from infra.estate.synthesis import synthesise


def apply(names: Names, home: Path, parts: tuple[str, ...], stack: str = "pipeline") -> None:
    """Apply what a stack has of these parts. That no plan changes the whole is tested elsewhere.

    Parameters
    ----------
    home
        A new folder, for Terraform to work in.
    parts
        Beginnings of the resources' names.
    """
    apply_stacks(names, home, {stack: parts})


def apply_stacks(names: Names, home: Path, stacks: Mapping[str, tuple[str, ...]]) -> None:
    """The same of several stacks, all at once as if they were one, which is quicker."""
    synthesise([names.environment], names, home, "local")
    resources: dict[str, dict[str, Any]] = {}
    for stack, parts in stacks.items():
        folder = home / names.environment / stack
        path = folder / "cdk.tf.json"
        document = json.loads(path.read_text())
        for kind, declared in document["resource"].items():
            mine = {name: one for name, one in declared.items() if name.startswith(parts)}
            if mine:
                resources.setdefault(kind, {}).update(mine)
    document["resource"] = resources
    path.write_text(json.dumps(document))
    terraform = terraform_for(home)
    terraform.init(folder, home / "data")
    terraform.plan(folder, home / "data", lambda _: None)
    terraform.apply(folder, home / "data", lambda _: None)
