"""The record of a saved plan, so that the plan is applied to its own target and only once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import LakecastError
from infra.estate.place import Place
from infra.terraform.plan_report import StackPlan

PLAN_FILE = "plan.tfplan"


class SavedPlanError(LakecastError):
    """There is no saved plan, or it was made for another target."""


@dataclass(frozen=True)
class SavedPlan:
    """A plan of all stacks.

    Parameters
    ----------
    facts
        `Place.facts` at the time of the plan.
    commit
        Commit that was checked out then.
    """

    facts: dict[str, str]
    commit: str
    stacks: tuple[StackPlan, ...]


def record_path(place: Place) -> Path:
    """Returns the record's path, next to the stacks' folders."""
    return place.folder / "plan.json"


def save(place: Place, plans: Iterable[StackPlan]) -> Path:
    """Records that Terraform's plans in the stacks' folders belong together."""
    path = record_path(place)
    document = {
        "facts": place.facts(),
        "commit": place.commit,
        "stacks": [plan.to_dict() for plan in plans],
    }
    path.write_text(json.dumps(document, indent=2, allow_nan=False), encoding="utf-8")
    return path


def load(place: Place) -> SavedPlan:
    """Reads the record and checks that the plan was made for this place.

    Raises
    ------
    SavedPlanError
        There is no record, it was made for another place, or a stack's plan is missing.
    """
    path = record_path(place)
    again = f"run `make plan ENV={place.names.environment}`"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SavedPlanError(f"there is no saved plan to apply; {again}") from None
    for name, value in place.facts().items():
        if document["facts"].get(name) != value:
            raise SavedPlanError(
                f"the saved plan was made for {name} {document['facts'].get(name)}, and this is "
                f"{value}; {again}"
            )
    stacks = tuple(StackPlan.from_dict(stack) for stack in document["stacks"])
    for stack in stacks:
        if not stack.is_empty and not (place.stack_folder(stack.stack) / PLAN_FILE).exists():
            raise SavedPlanError(f"the saved plan of {stack.stack} is gone; {again}")
    return SavedPlan(document["facts"], document["commit"], stacks)


def spend(place: Place) -> None:
    """Removes the record, because a plan can be applied only once."""
    record_path(place).unlink(missing_ok=True)
