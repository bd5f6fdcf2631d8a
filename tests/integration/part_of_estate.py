"""Parts of a stack by real Terraform, where the whole would take a minute."""

from __future__ import annotations

import json
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
    synthesise([names.environment], names, home, "local")
    folder = home / names.environment / stack
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
