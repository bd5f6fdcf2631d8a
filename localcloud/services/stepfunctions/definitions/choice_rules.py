"""Checks the rules of Choice states.

https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcloud.services.stepfunctions.definitions import fields
from localcloud.services.stepfunctions.definitions.fields import JSONATA, Problem
from localcloud.services.stepfunctions.engine.choices import OPERATORS, TESTS

_TESTS = {"IsPresent", *TESTS}
_PATH_OPERATORS = {f"{name}Path" for name in OPERATORS if name != "StringMatches"}
_KINDS = {"String": (str,), "Numeric": (int, float), "Boolean": (bool,), "Timestamp": (str,)}


def problems(rules: Any, language: str) -> Iterator[Problem]:
    """Yields what is wrong with the ``Choices`` of a state, and where below them."""
    if not isinstance(rules, list) or not rules:
        yield "", f"Choices must be a non-empty array; got {rules!r}"
        return
    for number, rule in enumerate(rules):
        place = f"[{number}]"
        if not isinstance(rule, dict):
            yield place, "A rule must be an object"
            continue
        if not isinstance(rule.get("Next"), str):
            yield place, "These fields are required: [Next]"
        body = {name: value for name, value in rule.items() if name not in ("Next", "Comment")}
        found = _jsonata(body) if language == JSONATA else _jsonpath(body)
        yield from ((f"{place}{deeper}", what) for deeper, what in found)


def _jsonata(rule: dict[str, Any]) -> Iterator[Problem]:
    if "Condition" not in rule:
        yield "", "These fields are required: [Condition]"
    for name, value in rule.items():
        if name == "Condition":
            if not isinstance(value, bool | str):
                yield "/Condition", f"expected an expression or a boolean; got {value!r}"
            elif isinstance(value, str) and not value.startswith("{%"):
                yield "/Condition", f"expected {{% and %}} around the condition; got {value!r}"
            else:
                found = fields.template(value, JSONATA)
                yield from ((f"/Condition{place}", what) for place, what in found)
        elif name in ("Assign", "Output"):
            found = fields.VALUES[name](value, JSONATA)
            yield from ((f"/{name}{place}", what) for place, what in found)
        else:
            yield f"/{name}", f"The field '{name}' is not supported in the query language JSONata"


def _jsonpath(rule: dict[str, Any]) -> Iterator[Problem]:
    combined: list[str] = [name for name in ("And", "Or", "Not") if name in rule]
    if combined:
        name = combined[0]
        value = rule[name]
        if len(rule) > 1:
            yield "", f"expected nothing beside {name}; got {', '.join(rule)}"
        inner = [value] if name == "Not" else value
        if not isinstance(inner, list) or not inner:
            yield f"/{name}", "expected a non-empty array of rules"
            return
        for number, one in enumerate(inner):
            place = f"/{name}" if name == "Not" else f"/{name}[{number}]"
            if isinstance(one, dict):
                yield from ((f"{place}{deeper}", what) for deeper, what in _jsonpath(one))
            else:
                yield place, "A rule must be an object"
        return
    if "Variable" not in rule:
        yield "", "These fields are required: [Variable]"
    else:
        found = fields.VALUES["InputPath"](rule["Variable"], "")
        yield from ((f"/Variable{place}", what) for place, what in found)
    operators = [name for name in rule if name != "Variable"]
    if len(operators) != 1:
        yield "", f"expected one operator; got {', '.join(operators) or 'none'}"
    for operator in operators:
        yield from ((f"/{operator}", what) for what in _operand(operator, rule[operator]))


def _operand(name: str, value: Any) -> Iterator[str]:
    if name in _TESTS:
        if not isinstance(value, bool):
            yield f"expected a boolean; got {value!r}"
    elif name in _PATH_OPERATORS:
        yield from (what for _, what in fields.VALUES["ItemsPath"](value, ""))
    elif name in OPERATORS:
        kind = next(kind for kind in _KINDS if name.startswith(kind))
        is_boolean = isinstance(value, bool)
        if not isinstance(value, _KINDS[kind]) or is_boolean != (kind == "Boolean"):
            yield f"expected a value of the type {kind.lower()}; got {value!r}"
        elif kind == "Timestamp":
            yield from (what for _, what in fields.VALUES["Timestamp"](value, ""))
    else:
        yield f"The operator '{name}' is not supported"
