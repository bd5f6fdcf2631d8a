"""Tells whether the statements of a role permit a call.

Only what the estate's policies use is understood: statements that allow, patterns of actions and
resources, and conditions on text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from tests.support.iam.policies import Statement, listed

_OPERATORS = {
    "ArnLike": fnmatchcase,
    "ForAllValues:StringEquals": str.__eq__,
    "ForAnyValue:StringEquals": str.__eq__,
    "StringEquals": str.__eq__,
    "StringLike": fnmatchcase,
}


def permits(
    statements: Iterable[Statement],
    action: str,
    resource: str,
    context: Mapping[str, str] | None = None,
) -> bool:
    """Returns whether an action is permitted on a resource, or on all that a pattern matches.

    Parameters
    ----------
    context
        Values of the request's condition keys.
    """
    return any(
        one["Effect"] == "Allow"
        and any(fnmatchcase(action, pattern) for pattern in listed(one["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in listed(one.get("Resource", "*")))
        and _holds(one.get("Condition", {}), context or {})
        for one in statements
    )


def _holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    return all(
        _compare(operator, key, wanted, context)
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _compare(operator: str, key: str, wanted: Any, context: Mapping[str, str]) -> bool:
    if key not in context:
        return operator.startswith("ForAllValues:")
    return any(_OPERATORS[operator](context[key], str(one)) for one in listed(wanted))
