"""Reads the changes of a plan from Terraform's messages and renders them as text.

https://developer.hashicorp.com/terraform/internals/machine-readable-ui
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from infra.estate.place import Place

NO_CHANGES = "No changes. Your infrastructure matches the configuration."
"""Terraform's own text, which its machine-readable messages do not contain."""

STATEFUL = frozenset(
    {
        "aws_api_gateway_api_key",
        "aws_cloudwatch_log_group",
        "aws_dynamodb_table",
        "aws_kms_key",
        "aws_s3_bucket",
    }
)
"""Types of resources that can't be recreated: they hold data, or a key that callers use."""

_SIGNS = {"create": "+", "update": "~", "delete": "-", "replace": "±"}


@dataclass(frozen=True)
class Change:
    """A planned change of one resource."""

    address: str
    kind: str
    action: str

    @property
    def loses_data(self) -> bool:
        return self.kind in STATEFUL and self.action in ("delete", "replace")


@dataclass(frozen=True)
class StackPlan:
    """The planned changes of one stack.

    Parameters
    ----------
    summary
        Terraform's own summary line.
    """

    stack: str
    changes: tuple[Change, ...]
    summary: str

    @property
    def is_empty(self) -> bool:
        return not self.changes

    def count(self, action: str) -> int:
        return sum(change.action == action for change in self.changes)

    @property
    def destructive(self) -> tuple[Change, ...]:
        return tuple(one for one in self.changes if one.action in ("delete", "replace"))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> StackPlan:
        changes = tuple(Change(**change) for change in document["changes"])
        return cls(document["stack"], changes, document["summary"])


def read(stack: str, messages: Iterable[Mapping[str, Any]]) -> StackPlan:
    """Collects the changes from the messages of ``terraform plan -json``."""
    changes, summary = [], NO_CHANGES
    for message in messages:
        if message.get("type") == "planned_change":
            change = message["change"]
            if change["action"] in _SIGNS:  # reads change nothing
                resource = change["resource"]
                changes.append(
                    Change(resource["addr"], resource["resource_type"], change["action"])
                )
        elif message.get("type") == "change_summary":
            summary = message["@message"]
    return StackPlan(stack, tuple(changes), summary if changes else NO_CHANGES)


def render(place: Place, plans: Iterable[StackPlan], saved: str | None) -> list[str]:
    """Returns the lines of the report.

    Parameters
    ----------
    saved
        Path of the saved plan; None if none was saved.
    """
    plans = tuple(plans)
    lines = [f"{name:<12} {value}" for name, value in place.facts().items()]
    lines += [f"{'commit':<12} {place.commit}", ""]
    width = max(len(plan.stack) for plan in plans)
    for plan in plans:
        counts = "  ".join(f"{sign}{plan.count(action)}" for action, sign in _SIGNS.items())
        lines.append(f"{plan.stack:<{width}}  {counts:<20} {plan.summary}")
    destructive = [(plan.stack, change) for plan in plans for change in plan.destructive]
    if destructive:
        lines += ["", "to be destroyed (-) or replaced (±):"]
        for stack, change in destructive:
            warning = "   HOLDS DATA" if change.loses_data else ""
            lines.append(f"  {_SIGNS[change.action]} {stack}: {change.address}{warning}")
    if saved is not None:
        lines += ["", f"saved  {saved}", f"next   {next_command(place, plans)}"]
    return lines


def next_command(place: Place, plans: Iterable[StackPlan]) -> str:
    """Returns the command to run after reviewing the plans."""
    environment = place.names.environment
    if all(plan.is_empty for plan in plans):
        return "nothing to apply"
    return f"make apply ENV={environment}"
