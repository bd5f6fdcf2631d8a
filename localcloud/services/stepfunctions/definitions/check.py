"""Finds what Step Functions refuses in a definition, and what the local cloud cannot run.

The codes and locations are those of ValidateStateMachineDefinition.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contracts.json_text import parsed
from localcloud.services.stepfunctions.definitions import choice_rules, fields, parameters
from localcloud.services.stepfunctions.definitions.fields import JSONATA, JSONPATH, Fields
from localcloud.services.stepfunctions.integrations import integrations

SCHEMA = "SCHEMA_VALIDATION_FAILED"
TARGET = "MISSING_TRANSITION_TARGET"
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Diagnostic:
    """One finding, as ValidateStateMachineDefinition reports it."""

    code: str
    message: str
    location: str = ""

    def __str__(self) -> str:
        place = f" at {self.location}" if self.location else ""
        return f"{self.code}: {self.message}{place}"

    @property
    def members(self) -> dict[str, str]:
        location = {"location": self.location} if self.location else {}
        return {"severity": "ERROR", "code": self.code, "message": self.message, **location}


Found = Iterator[Diagnostic]


def diagnostics(text: str) -> list[Diagnostic]:
    """Lists everything wrong with the text of a definition."""
    if not text.strip():
        return [Diagnostic(SCHEMA, "Definition must be a valid JSON object")]
    try:
        definition = parsed(text.encode())
    except ValueError as error:
        return [Diagnostic("INVALID_JSON_DESCRIPTION", str(error))]
    if not isinstance(definition, dict):
        return [Diagnostic(SCHEMA, "Definition must be a valid JSON object")]
    language = definition.get("QueryLanguage", JSONPATH)
    found = [*_shape(definition, fields.MACHINE, language, "/"), *_branch(definition, language, "")]
    counted = Counter(_names(definition))
    found += [
        Diagnostic("DUPLICATE_STATE_NAME", f"Duplicate State name: {name}", "/States")
        for name, times in counted.items()
        if times > 1
    ]
    return found


def _branch(branch: dict[str, Any], language: str, place: str) -> Found:
    """Checks the states of a machine or of a branch."""
    missing = [name for name in ("States", "StartAt") if name not in branch]
    if missing:
        yield _required(missing, place or "/")
        return
    states = branch["States"]
    if not isinstance(states, dict) or not states:
        yield Diagnostic(
            SCHEMA, "States must be an object with at least one state", f"{place}/States"
        )
        return
    if branch["StartAt"] not in states:
        message = f"Missing 'StartAt' target: {branch['StartAt']}"
        yield Diagnostic(TARGET, message, f"{place}/StartAt")
    reached = {branch["StartAt"]}
    for name, state in states.items():
        where = f"{place}/States/{name}"
        if len(name) > _LONGEST_NAME:
            yield Diagnostic(SCHEMA, f"The name has more than {_LONGEST_NAME} characters", where)
        if not isinstance(state, dict):
            yield Diagnostic(SCHEMA, "A state must be an object", where)
            continue
        yield from _state(state, language, where)
        for member, target in _transitions(state):
            reached.add(target)
            if target not in states:
                message = f"Missing '{member.rpartition('/')[2]}' target: {target}"
                yield Diagnostic(TARGET, message, f"{where}/{member}")
    for name in states:
        if name not in reached:
            message = f'State "{name}" is not reachable.'
            yield Diagnostic(TARGET, message, f"{place}/States/{name}")


def _state(state: dict[str, Any], outer: str, place: str) -> Found:
    language = state.get("QueryLanguage", outer)
    if outer == JSONATA and language == JSONPATH:
        message = (
            "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
        )
        yield Diagnostic(SCHEMA, message, place)
        return
    kind = state.get("Type")
    if not isinstance(kind, str) or kind not in fields.STATES:
        message = f"Type must be one of {', '.join(fields.STATES)}; got {kind!r}"
        yield Diagnostic(SCHEMA, message, f"{place}/Type")
        return
    known = fields.STATES[kind]
    yield from _shape(state, known, language, place)
    for words in known.required.split():
        present = [name for name in words.split("|") if name in state]
        if len(present) != 1:
            yield _required([words], place)
    beat, timeout = state.get("HeartbeatSeconds"), state.get("TimeoutSeconds")
    if isinstance(beat, int) and isinstance(timeout, int) and beat >= timeout:
        message = "HeartbeatSeconds must be smaller than TimeoutSeconds"
        yield Diagnostic(SCHEMA, message, place)
    yield from _excluding(state, place)
    yield from _handlers(state, language, place)
    yield from _parts(state, kind, language, place)


def _parts(state: dict[str, Any], kind: str, language: str, place: str) -> Found:
    """Checks what only one type of state has."""
    if kind == "Task" and isinstance(state.get("Resource"), str):
        yield from _call(state, language, place)
    if kind == "Choice":
        for where, message in choice_rules.problems(state.get("Choices"), language):
            yield _diagnostic(message, f"{place}/Choices{where}")
    if kind == "Parallel":
        branches = state.get("Branches")
        if not isinstance(branches, list) or not branches:
            yield Diagnostic(SCHEMA, "Branches must be a non-empty array", f"{place}/Branches")
        else:
            for number, branch in enumerate(branches):
                yield from _inner(branch, language, f"{place}/Branches[{number}]")
    if kind == "Map":
        for member in {"ItemProcessor", "Iterator"} & set(state):
            yield from _inner(state[member], language, f"{place}/{member}")


def _call(state: dict[str, Any], language: str, place: str) -> Found:
    """Checks the resource of a task and the names of its parameters."""
    try:
        integrations.check(state["Resource"])
    except ValueError as error:
        yield Diagnostic(SCHEMA, str(error), f"{place}/Resource")
        return
    member = "Arguments" if language == JSONATA else "Parameters"
    for message in parameters.problems(state["Resource"], state.get(member)):
        yield Diagnostic(SCHEMA, message, f"{place}/{member}")


def _inner(branch: Any, language: str, place: str) -> Found:
    if not isinstance(branch, dict):
        yield Diagnostic(SCHEMA, "A branch must be an object", place)
        return
    config = branch.get("ProcessorConfig", {})
    if config not in ({}, {"Mode": "INLINE"}):
        message = f"The local cloud supports the Mode INLINE of Map states only; got {config}"
        yield Diagnostic(SCHEMA, message, f"{place}/ProcessorConfig")
    plain = {name: value for name, value in branch.items() if name != "ProcessorConfig"}
    yield from _shape(plain, fields.BRANCH, language, place)
    yield from _branch(branch, language, place)


def _shape(value: dict[str, Any], known: Fields, language: str, place: str) -> Found:
    """Checks the names and the values of fields."""
    allowed = known.allowed(language)
    for name, item in value.items():
        where = f"{place.rstrip('/')}/{name}"
        if name in fields.UNSERVED[""] or name in fields.UNSERVED.get(language, ()):
            message = f"The local cloud does not support the field '{name}' in {language}"
            yield Diagnostic(SCHEMA, message, where)
        elif name not in allowed:
            message = f"The field '{name}' is not supported in the query language {language}"
            yield Diagnostic(SCHEMA, message, where)
        elif name in fields.VALUES:
            for deeper, what in fields.VALUES[name](item, language):
                yield _diagnostic(what, f"{where}{deeper}")


def _diagnostic(message: str, place: str) -> Diagnostic:
    code, _, rest = message.partition(": ")
    if code.isupper() and "_" in code:
        return Diagnostic(code, rest, place)
    return Diagnostic(SCHEMA, message, place)


def _excluding(state: dict[str, Any], place: str) -> Found:
    """Checks fields that exclude their form with ``Path``."""
    for name in ("Error", "Cause", "TimeoutSeconds", "HeartbeatSeconds", "MaxConcurrency"):
        if name in state and f"{name}Path" in state:
            yield Diagnostic(SCHEMA, f"You cannot specify both {name} and {name}Path", place)


def _handlers(state: dict[str, Any], language: str, place: str) -> Found:
    for member, known, required in (
        ("Retry", fields.RETRIER, ["ErrorEquals"]),
        ("Catch", fields.CATCHER, ["ErrorEquals", "Next"]),
    ):
        handlers = state.get(member, [])
        if not isinstance(handlers, list):
            yield Diagnostic(SCHEMA, f"{member} must be an array", f"{place}/{member}")
            continue
        for number, handler in enumerate(handlers):
            where = f"{place}/{member}[{number}]"
            if not isinstance(handler, dict):
                yield Diagnostic(SCHEMA, f"An item of {member} must be an object", where)
                continue
            yield from _shape(handler, known, language, where)
            missing = [name for name in required if name not in handler]
            if missing:
                yield _required(missing, where)
            is_last = number == len(handlers) - 1
            if "States.ALL" in (handler.get("ErrorEquals") or ()) and not is_last:
                yield Diagnostic(SCHEMA, f"States.ALL must be in the last item of {member}", where)
            interval = handler.get("IntervalSeconds", 1)
            longest = handler.get("MaxDelaySeconds")
            if _is_number(longest) and _is_number(interval) and longest <= interval:
                message = "MaxDelaySeconds must be greater than IntervalSeconds"
                yield Diagnostic(SCHEMA, message, where)


def _transitions(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for member in ("Next", "Default"):
        if isinstance(state.get(member), str):
            yield member, state[member]
    for member in ("Choices", "Catch"):
        items = state.get(member)
        for number, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(item, dict) and isinstance(item.get("Next"), str):
                yield f"{member}[{number}]/Next", item["Next"]


def _names(branch: Any) -> Iterator[str]:
    """Names of all states, with those of branches."""
    states = branch.get("States") if isinstance(branch, dict) else None
    for name, state in (states if isinstance(states, dict) else {}).items():
        yield name
        if isinstance(state, dict):
            branches = state.get("Branches")
            inner = branches if isinstance(branches, list) else []
            for one in (*inner, state.get("ItemProcessor"), state.get("Iterator")):
                yield from _names(one)


def _required(names: list[str], place: str) -> Diagnostic:
    listed = ", ".join(names)
    if "|" in listed:
        return Diagnostic(SCHEMA, f"Exactly one of these fields is required: [{listed}]", place)
    return Diagnostic(SCHEMA, f"These fields are required: [{listed}]", place)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
