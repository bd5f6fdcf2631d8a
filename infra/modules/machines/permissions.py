"""Permissions of a state machine's role, derived from its calls."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from contracts.names import Names
from infra.modules.core.policy import Statement


def united(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """Merges statements: returns one for each set of resources and conditions.

    A statement keeps its first SID; a duplicate SID gets a number.
    """
    found: dict[str, Statement] = {}
    for one in statements:
        key = json.dumps(
            [one.effect, sorted(one.resources), one.conditions], sort_keys=True, allow_nan=False
        )
        known = found.setdefault(key, one)
        found[key] = replace(known, actions=tuple(sorted({*known.actions, *one.actions})))
    return tuple(_with_own_sids(found.values()))


def _with_own_sids(statements: Iterable[Statement]) -> Iterable[Statement]:
    taken: dict[str, int] = {}
    for one in statements:
        number = taken[one.sid] = taken.get(one.sid, 0) + 1
        yield one if number == 1 else replace(one, sid=f"{one.sid}{number}")


def pass_role(names: Names, roles: Sequence[str]) -> Statement:
    """Returns the permission to pass service roles, by their part of the name, to SageMaker."""
    return Statement(
        "PassRole" + "".join(_capitalised(role) for role in roles),
        ("iam:PassRole",),
        tuple(names.role_arn(role) for role in roles),
        conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )


def _capitalised(part: str) -> str:
    return "".join(word.capitalize() for word in part.split("-"))
