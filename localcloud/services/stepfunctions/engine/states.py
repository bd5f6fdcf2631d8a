"""Runs the states of a machine, or of a branch, one after the other.

https://docs.aws.amazon.com/step-functions/latest/dg/workflow-states.html
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from localcloud.services.stepfunctions import expressions
from localcloud.services.stepfunctions.engine import branches, choices, data, retries, tasks
from localcloud.services.stepfunctions.engine.errors import RUNTIME, StateError, Stopped
from localcloud.services.stepfunctions.engine.scope import (
    Scope,
    as_text,
    input_details,
    now,
    output_details,
)

State = dict[str, Any]
_ABORTED = ("Task", "Wait", "Parallel", "Map")  # other states take no time
Entered = Callable[[str, Any, Scope], None]


def run_states(
    definition: State,
    given: Any,
    scope: Scope,
    *,
    start: str = "",
    entered: Entered = lambda *_: None,
) -> Any:
    """Runs states until one ends the machine or the branch, and returns its output.

    Parameters
    ----------
    definition
        A machine, or a branch of a Parallel or Map state.
    start
        First state; by default the definition's.
    entered
        Called with each state's name and input before it runs.

    Raises
    ------
    StateError
        A state failed.
    Stopped
        The execution was ended from outside.
    """
    following: str | None = start or definition["StartAt"]
    while following is not None:
        entered(following, given, scope)
        given, following = _step(following, definition["States"][following], given, scope)
    return given


def _step(name: str, state: State, given: Any, scope: Scope) -> tuple[Any, str | None]:
    kind = state["Type"]
    scope.context["State"] = {"Name": name, "EnteredTime": now(), "RetryCount": 0}
    details = {"name": name, **input_details(given)}
    scope.entered = scope.record(f"{kind}StateEntered", details)
    variables = dict(scope.variables)
    try:
        found, following = RUNNERS[kind](state, given, scope)
    except StateError as error:
        if kind not in ("Task", "Parallel", "Map"):
            retries.record_failed_evaluation(error, scope)
        error.event = scope.event
        raise
    except Stopped:
        if kind in _ABORTED:
            scope.abort(f"{kind}StateAborted")
        raise
    assigned = {
        variable: as_text(value)
        for variable, value in scope.variables.items()
        if variable not in variables or variables[variable] is not value
    }
    as_text(found, name)
    details = {"name": name, **output_details(found)}
    if assigned:
        details["assignedVariables"] = assigned
    scope.record(f"{kind}StateExited", details)
    return found, following


def _pass(state: State, given: Any, scope: Scope) -> tuple[Any, str | None]:
    if data.is_jsonata(state, scope):
        return data.without_result(state, given, scope), state.get("Next")
    result = state["Result"] if "Result" in state else data.arguments(state, given, scope)
    return data.output(state, given, result, scope), state.get("Next")


def _succeed(state: State, given: Any, scope: Scope) -> tuple[Any, None]:
    return data.without_result(state, given, scope), None


def _fail(state: State, given: Any, scope: Scope) -> tuple[Any, None]:
    raise StateError(
        _fail_member(state, "Error", given, scope) or "",
        _fail_member(state, "Cause", given, scope),
    )


def _fail_member(state: State, name: str, given: Any, scope: Scope) -> str | None:
    if name in state and data.is_jsonata(state, scope):
        text: str = data.field(state, name, "string", given, scope)
        return text
    if f"{name}Path" not in state:
        return state.get(name)
    value = data.selected(f"{name}Path", state[f"{name}Path"], given, scope)
    if not isinstance(value, str):
        raise StateError(RUNTIME, scope.explained(f"{name}Path must be a string; got {value!r}"))
    return value


def _wait(state: State, given: Any, scope: Scope) -> tuple[Any, str | None]:
    scope.sleep(_seconds(state, given, scope))
    return data.without_result(state, given, scope), state.get("Next")


def _seconds(state: State, given: Any, scope: Scope) -> float:
    """Returns the duration of a Wait state in seconds."""
    member = next(
        name for name in ("Seconds", "SecondsPath", "Timestamp", "TimestampPath") if name in state
    )
    jsonata = data.is_jsonata(state, scope)
    if member.endswith("Path"):
        effective = data.effective_input(state, given, scope)
        value = data.selected(member, state[member], effective, scope)
    else:
        value = data.template(state[member], given, scope) if jsonata else state[member]
    failure = expressions.ERROR if jsonata else RUNTIME
    if member.startswith("Timestamp"):
        if not choices.is_timestamp(value):
            raise StateError(
                failure, scope.explained(f"{member} must be an ISO-8601 timestamp; got {value!r}")
            )
        return (datetime.fromisoformat(value) - datetime.now(UTC)).total_seconds()
    if not data.is_whole(value) or not 0 <= value <= LONGEST_WAIT:
        raise StateError(
            failure,
            scope.explained(f"{member} must be an integer from 0 to {LONGEST_WAIT}; got {value!r}"),
        )
    return float(value)


LONGEST_WAIT = 99_999_999
"""Seconds; the limit of ``Seconds`` and ``TimeoutSeconds``."""

RUNNERS: dict[str, Callable[[State, Any, Scope], tuple[Any, str | None]]] = {
    "Pass": _pass,
    "Succeed": _succeed,
    "Fail": _fail,
    "Wait": _wait,
    "Choice": choices.run,
    "Task": tasks.run,
    "Parallel": lambda state, given, scope: branches.run_parallel(state, given, scope, run_states),
    "Map": lambda state, given, scope: branches.run_map(state, given, scope, run_states),
}
