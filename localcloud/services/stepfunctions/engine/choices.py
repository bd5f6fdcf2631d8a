"""Evaluates the rules of Choice states.

https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from localcloud.services.stepfunctions import expressions
from localcloud.services.stepfunctions.engine import data
from localcloud.services.stepfunctions.engine.errors import RUNTIME, StateError
from localcloud.services.stepfunctions.engine.paths import Path, PathError
from localcloud.services.stepfunctions.engine.scope import Scope

State = dict[str, Any]
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def is_timestamp(value: Any) -> bool:
    """Returns whether a value is a timestamp of RFC 3339 with its T and its offset in capitals."""
    try:
        return isinstance(value, str) and bool(_TIMESTAMP.fullmatch(value)) and bool(_moment(value))
    except ValueError:
        return False


def _moment(value: str) -> datetime:
    return datetime.fromisoformat(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _matches(value: str, pattern: str) -> bool:
    parts = re.findall(r"\\.|\*|[^\\*]+", pattern, re.DOTALL)
    expression = "".join(
        ".*" if part == "*" else re.escape(part[1:] if part.startswith("\\") else part)
        for part in parts
    )
    return re.fullmatch(expression, value, re.DOTALL) is not None


TESTS: Mapping[str, Callable[[Any], bool]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": _is_number,
    "IsString": _is_string,
    "IsBoolean": _is_boolean,
    "IsTimestamp": is_timestamp,
}
_COMPARISONS = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}
_KINDS: Mapping[str, tuple[Callable[[Any], bool], Callable[[Any], Any]]] = {
    "String": (_is_string, str),
    "Numeric": (_is_number, lambda value: value),
    "Timestamp": (is_timestamp, _moment),
}


def _comparing(
    of: Callable[[Any], Any], compare: Callable[[Any, Any], bool]
) -> Callable[[Any, Any], bool]:
    return lambda value, other: compare(of(value), of(other))


OPERATORS: Mapping[str, tuple[Callable[[Any], bool], Callable[[Any, Any], bool]]] = {
    **{
        f"{kind}{name}": (test, _comparing(of, compare))
        for kind, (test, of) in _KINDS.items()
        for name, compare in _COMPARISONS.items()
    },
    "BooleanEquals": (_is_boolean, operator.eq),
    "StringMatches": (_is_string, _matches),
}
"""Type of both operands, and the comparison; all but StringMatches also exist with ``Path``."""


def run(state: State, given: Any, scope: Scope) -> tuple[Any, str]:
    """Returns the output and the next state: the first rule that holds, or the default."""
    if data.is_jsonata(state, scope):
        return _run_jsonata(state, given, scope)
    effective = data.effective_input(state, given, scope)
    found = next((rule for rule in state["Choices"] if holds(rule, effective, scope)), None)
    return data.passed_on(state, effective, scope), _next(state, found, scope)


def _run_jsonata(state: State, given: Any, scope: Scope) -> tuple[Any, str]:
    for rule in state["Choices"]:
        condition = data.template(rule["Condition"], given, scope)
        if not isinstance(condition, bool):
            raise StateError(
                expressions.ERROR,
                scope.explained(f"The Condition must be a boolean; got {condition!r}"),
            )
        if condition:
            return data.without_result({**rule, "QueryLanguage": "JSONata"}, given, scope), _next(
                state, rule, scope
            )
    following = _next(state, None, scope)
    return data.without_result(state, given, scope), following


def _next(state: State, rule: State | None, scope: Scope) -> str:
    following = state.get("Default") if rule is None else rule["Next"]
    if following is None:
        raise StateError(
            "States.NoChoiceMatched", scope.explained("Failed to transition out of the state.")
        )
    return str(following)


def holds(rule: State, given: Any, scope: Scope) -> bool:
    """Returns whether a rule of a JSONPath state holds.

    Raises
    ------
    StateError
        ``States.Runtime``: its variable has no value, and it is not a rule on presence.
    """
    if "And" in rule:
        return all(holds(one, given, scope) for one in rule["And"])
    if "Or" in rule:
        return any(holds(one, given, scope) for one in rule["Or"])
    if "Not" in rule:
        return not holds(rule["Not"], given, scope)
    if "IsPresent" in rule:
        return _is_present(rule["Variable"], given, scope) is rule["IsPresent"]
    value = data.selected("Variable", rule["Variable"], given, scope)
    for name, test in TESTS.items():
        if name in rule:
            return test(value) is rule[name]
    for name, (test, compare) in OPERATORS.items():
        for member in (name, f"{name}Path"):
            if member in rule:
                other = rule[member]
                if member != name:
                    other = data.selected(member, other, given, scope)
                return test(value) and test(other) and compare(value, other)
    raise StateError(RUNTIME, f"a rule without an operator: {rule}")


def _is_present(variable: str, given: Any, scope: Scope) -> bool:
    path = Path.parse(variable)
    try:
        path.read(scope.context if path.is_of_context else given)
    except PathError:
        return False
    return True
