"""Parts of a stack by real Terraform, where the whole would take a minute."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from contracts.names import Names
from infra.synthesis import synthesise
from infra.verbs import terraform_for


def apply(names: Names, home: Path, parts: tuple[str, ...], stack: str = "pipeline") -> None:
    """Apply what a stack has of these parts, and see that a second plan changes nothing.

    Parameters
    ----------
    home
        A new folder, for Terraform to work in.
    parts
        Beginnings of the resources' names.
    """
    apply_stacks(names, home, {stack: parts})


def apply_stacks(names: Names, home: Path, stacks: Mapping[str, tuple[str, ...]]) -> None:
    """The same of several stacks, in order."""
    synthesise([names.environment], names, home, "local")
    for stack, parts in stacks.items():
        _apply(home, home / names.environment / stack, parts)


def _apply(home: Path, folder: Path, parts: tuple[str, ...]) -> None:
    path = folder / "cdk.tf.json"
    document = json.loads(path.read_text())
    document["resource"] = {
        kind: kept
        for kind, resources in document["resource"].items()
        if (kept := {name: one for name, one in resources.items() if name.startswith(parts)})
    }
    path.write_text(json.dumps(document))
    terraform = terraform_for(home)
    terraform.init(folder, home / "data")
    terraform.plan(folder, home / "data", lambda _: None)
    terraform.apply(folder, home / "data", lambda _: None)
    again = terraform.plan(folder, home / "data", lambda _: None, save=False)
    assert not again.changes, again
