"""Fields of states and of machines, and the values that they take.

https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
https://docs.aws.amazon.com/step-functions/latest/dg/workflow-states.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.services.stepfunctions import expressions
from localcloud.services.stepfunctions.engine import choices, intrinsics
from localcloud.services.stepfunctions.engine.paths import Path
from localcloud.services.stepfunctions.engine.states import LONGEST_WAIT

JSONPATH = "JSONPath"
JSONATA = "JSONata"
TRANSITION = "Next End"
_MOST_DELAY = 31_622_400
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")

Problem = tuple[str, str]
"""Location below the field, and what is wrong there."""


@dataclass(frozen=True)
class Fields:
    """Fields of a type of state, as words.

    Parameters
    ----------
    both, jsonpath, jsonata
        Fields in both query languages, or in one of them.
    required
        Fields that must be present; of words joined by ``|``, exactly one.
    """

    both: str = ""
    jsonpath: str = ""
    jsonata: str = ""
    required: str = ""

    def allowed(self, language: str) -> set[str]:
        """Returns the fields in a query language."""
        own = self.jsonpath if language == JSONPATH else self.jsonata
        return {"Type", "Comment", "QueryLanguage", *self.both.split(), *own.split()}


_PATHS = "InputPath OutputPath"
_RESULT = f"{_PATHS} Parameters ResultSelector ResultPath"
_OUTPUT = "Output Assign"
MACHINE = Fields("StartAt States QueryLanguage Comment Version TimeoutSeconds")
BRANCH = Fields("StartAt States Comment QueryLanguage")
STATES: Mapping[str, Fields] = {
    "Pass": Fields(TRANSITION, f"{_PATHS} Result Parameters ResultPath", _OUTPUT, "Next|End"),
    "Task": Fields(
        f"{TRANSITION} Resource TimeoutSeconds HeartbeatSeconds Retry Catch",
        f"{_RESULT} TimeoutSecondsPath HeartbeatSecondsPath",
        f"{_OUTPUT} Arguments",
        "Next|End Resource",
    ),
    "Choice": Fields("Choices Default", _PATHS, _OUTPUT, "Choices"),
    "Wait": Fields(
        f"{TRANSITION} Seconds Timestamp",
        f"{_PATHS} SecondsPath TimestampPath",
        _OUTPUT,
        "Next|End Seconds|Timestamp|SecondsPath|TimestampPath",
    ),
    "Succeed": Fields("", _PATHS, "Output"),
    "Fail": Fields("Error Cause", "ErrorPath CausePath"),
    "Parallel": Fields(
        f"{TRANSITION} Branches Retry Catch", _RESULT, f"{_OUTPUT} Arguments", "Next|End Branches"
    ),
    "Map": Fields(
        f"{TRANSITION} ItemProcessor Iterator ItemSelector MaxConcurrency Retry Catch",
        f"{_RESULT} ItemsPath MaxConcurrencyPath",
        f"{_OUTPUT} Items",
        "Next|End ItemProcessor|Iterator",
    ),
}
RETRIER = Fields(
    "ErrorEquals IntervalSeconds MaxAttempts BackoffRate MaxDelaySeconds JitterStrategy"
)
CATCHER = Fields("ErrorEquals Next", "ResultPath", _OUTPUT)
UNSERVED: Mapping[str, frozenset[str]] = {
    JSONPATH: frozenset({"Assign"}),
    "": frozenset(
        {
            "Credentials",
            "ItemBatcher",
            "ItemReader",
            "Label",
            "ResultWriter",
            "ToleratedFailureCount",
            "ToleratedFailureCountPath",
            "ToleratedFailurePercentage",
            "ToleratedFailurePercentagePath",
        }
    ),
}
"""Fields that AWS has and the local cloud lacks, in a query language or in both."""


def _text(value: Any, _language: str) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield "", f"expected a string; got {value!r}"


def _true(value: Any, _language: str) -> Iterator[Problem]:
    if value is not True:
        yield "", f"expected true; got {value!r}"


def _any(_value: Any, _language: str) -> Iterator[Problem]:
    return iter(())


def _integer(low: int, high: int) -> Callable[[Any, str], Iterator[Problem]]:
    def check(value: Any, language: str) -> Iterator[Problem]:
        if language == JSONATA and isinstance(value, str):
            yield from template(value, language)
        elif isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            yield "", f"expected an integer from {low} to {high}; got {value!r}"

    return check


def _rate(value: Any, _language: str) -> Iterator[Problem]:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 1:
        yield "", f"expected a number from 1.0; got {value!r}"


def _one_of(*known: str) -> Callable[[Any, str], Iterator[Problem]]:
    def check(value: Any, _language: str) -> Iterator[Problem]:
        if value not in known:
            yield "", f"expected one of {', '.join(known)}; got {value!r}"

    return check


def _path(value: Any, _language: str) -> Iterator[Problem]:
    try:
        Path.parse(value)
    except ValueError as error:
        yield "", f"The value must be a valid JSONPath: {error}"


def _path_or_null(value: Any, language: str) -> Iterator[Problem]:
    if value is not None:
        yield from _path(value, language)


def _selected(value: Any, language: str) -> Iterator[Problem]:
    """A path or a call of an intrinsic function."""
    if not intrinsics.is_call(value):
        yield from _path(value, language)
        return
    try:
        intrinsics.parse(value)
    except ValueError as error:
        yield "", f"The value must be a valid intrinsic function call: {error}"


def _reference(value: Any, language: str) -> Iterator[Problem]:
    if value is None:
        return
    found = list(_path(value, language))
    yield from found
    if not found:
        path = Path.parse(value)
        if path.is_of_context or not all(isinstance(step, str) for step in path.steps):
            yield "", f"expected a reference path of names, such as $.a.b; got {value!r}"


def payload(value: Any, language: str) -> Iterator[Problem]:
    """A payload template of JSONPath, or a template of JSONata in a field that both have."""
    if language == JSONATA:
        yield from template(value, language)
        return
    for place, item in _items(value):
        if place.endswith(".$"):
            yield from ((f"/{place}{deeper}", what) for deeper, what in _selected(item, language))
        else:
            yield from ((f"/{place}{deeper}", what) for deeper, what in payload(item, language))


def template(value: Any, language: str) -> Iterator[Problem]:
    """A template of JSONata: strings in it may be expressions."""
    if isinstance(value, str):
        if value.startswith("{%") != value.endswith("%}"):
            yield "", f"expected {{% and %}} around an expression; got {value!r}"
        elif expressions.is_expression(value):
            try:
                expressions.check(value)
            except expressions.ExpressionError as error:
                yield "", f"INVALID_JSONATA_EXPRESSION: {error}"
        return
    for place, item in _items(value):
        yield from ((f"/{place}{deeper}", what) for deeper, what in template(item, language))


def _text_template(value: Any, language: str) -> Iterator[Problem]:
    found = list(_text(value, language))
    yield from found
    if not found and language == JSONATA:
        yield from template(value, language)


def _timestamp(value: Any, language: str) -> Iterator[Problem]:
    if language == JSONATA and isinstance(value, str) and value.startswith("{%"):
        yield from template(value, language)
    elif not choices.is_timestamp(value):
        yield "", f"expected an ISO-8601 timestamp such as 2026-01-31T12:00:00Z; got {value!r}"


def _assign(value: Any, language: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield "", f"expected an object; got {value!r}"
        return
    for name in value:
        if not _VARIABLE.fullmatch(name) or name == "states":
            yield f"/{name}", "expected the name of a variable: letters, digits and _, not 'states'"
    yield from template(value, language)


def _errors(value: Any, _language: str) -> Iterator[Problem]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        yield "", f"expected a non-empty array of strings; got {value!r}"
    elif "States.ALL" in value and len(value) > 1:
        yield "", "States.ALL must appear alone"


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))


VALUES: Mapping[str, Callable[[Any, str], Iterator[Problem]]] = {
    "Arguments": template,
    "Assign": _assign,
    "BackoffRate": _rate,
    "Cause": _text_template,
    "CausePath": _selected,
    "Comment": _text,
    "Default": _text,
    "End": _true,
    "Error": _text_template,
    "ErrorEquals": _errors,
    "ErrorPath": _selected,
    "HeartbeatSeconds": _integer(1, LONGEST_WAIT),
    "HeartbeatSecondsPath": _path,
    "InputPath": _path_or_null,
    "IntervalSeconds": _integer(1, LONGEST_WAIT),
    "ItemSelector": payload,
    "Items": template,
    "ItemsPath": _path,
    "JitterStrategy": _one_of("FULL", "NONE"),
    "MaxAttempts": _integer(0, LONGEST_WAIT),
    "MaxConcurrency": _integer(0, LONGEST_WAIT),
    "MaxConcurrencyPath": _path,
    "MaxDelaySeconds": _integer(1, _MOST_DELAY),
    "Next": _text,
    "Output": template,
    "OutputPath": _path_or_null,
    "Parameters": payload,
    "QueryLanguage": _one_of(JSONPATH, JSONATA),
    "Resource": _text,
    "Result": _any,
    "ResultPath": _reference,
    "ResultSelector": payload,
    "Seconds": _integer(0, LONGEST_WAIT),
    "SecondsPath": _path,
    "StartAt": _text,
    "TimeoutSeconds": _integer(1, LONGEST_WAIT),
    "TimeoutSecondsPath": _path,
    "Timestamp": _timestamp,
    "TimestampPath": _path,
    "Type": _one_of(*STATES),
    "Version": _one_of("1.0"),
}
"""Checks of the values of fields, by the fields' names, which mean the same in every state."""
