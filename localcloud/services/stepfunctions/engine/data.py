"""Transforms the input and output of states, in JSONPath and in JSONata.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from __future__ import annotations

from typing import Any

from localcloud.services.stepfunctions import expressions
from localcloud.services.stepfunctions.engine import intrinsics
from localcloud.services.stepfunctions.engine.errors import RUNTIME, StateError
from localcloud.services.stepfunctions.engine.paths import Path, PathError
from localcloud.services.stepfunctions.engine.scope import Scope

State = dict[str, Any]
NOTHING: Any = object()
"""The value of a member of ``$states`` that a state does not have."""
_TYPES: dict[str, tuple[type, ...]] = {
    "number": (int, float),
    "string": (str,),
    "array": (list,),
}


def is_jsonata(state: State, scope: Scope) -> bool:
    """Returns whether a state's query language is JSONata."""
    return bool(state.get("QueryLanguage", scope.language) == "JSONata")


def arguments(state: State, given: Any, scope: Scope) -> Any:
    """Returns what a state works on: its input with ``Arguments``, or ``Parameters`` applied."""
    if is_jsonata(state, scope):
        return template(state["Arguments"], given, scope) if "Arguments" in state else given
    effective = effective_input(state, given, scope)
    if "Parameters" in state:
        return payload(state["Parameters"], effective, scope)
    return effective


def effective_input(state: State, given: Any, scope: Scope) -> Any:
    """Returns the input of a JSONPath state with ``InputPath`` applied."""
    return _at(state, "InputPath", given, scope)


def output(state: State, given: Any, result: Any, scope: Scope) -> Any:
    """Returns a state's output from its result, and assigns its variables."""
    if is_jsonata(state, scope):
        found = template(state["Output"], given, scope, result) if "Output" in state else result
        assign(state, given, scope, result)
        return found
    if "ResultSelector" in state:
        result = payload(state["ResultSelector"], result, scope)
    return passed_on(state, _placed(state, given, result), scope)


def passed_on(state: State, given: Any, scope: Scope) -> Any:
    """Returns the output of a JSONPath state with ``OutputPath`` applied."""
    return _at(state, "OutputPath", given, scope)


def without_result(state: State, given: Any, scope: Scope) -> Any:
    """Returns the output of a state that calls nothing, and assigns its variables."""
    if not is_jsonata(state, scope):
        return passed_on(state, effective_input(state, given, scope), scope)
    found = template(state["Output"], given, scope) if "Output" in state else given
    assign(state, given, scope)
    return found


def caught(
    catcher: State, state: State, given: Any, error: StateError, scope: Scope
) -> tuple[Any, str]:
    """Returns the output and the next state of a state whose error is caught."""
    if is_jsonata(state, scope):
        found = error.output
        if "Output" in catcher:
            found = template(catcher["Output"], given, scope, error=error.output)
        assign(catcher, given, scope, error=error.output)
        return found, catcher["Next"]
    return _placed(catcher, given, error.output), catcher["Next"]


def assign(
    state: State, given: Any, scope: Scope, result: Any = NOTHING, error: Any = NOTHING
) -> None:
    """Sets the variables of a JSONata state; all expressions see the values before it."""
    values = template(state.get("Assign", {}), given, scope, result, error)
    scope.variables.update(values)


def template(
    value: Any, given: Any, scope: Scope, result: Any = NOTHING, error: Any = NOTHING
) -> Any:
    """Returns a JSONata template with the values of its expressions."""
    if isinstance(value, dict):
        return {name: template(item, given, scope, result, error) for name, item in value.items()}
    if isinstance(value, list):
        return [template(item, given, scope, result, error) for item in value]
    if not expressions.is_expression(value):
        return value
    states = {"input": given, "context": scope.context, "result": result, "errorOutput": error}
    present = {name: one for name, one in states.items() if one is not NOTHING}
    try:
        return expressions.evaluate(value, present, scope.variables)
    except expressions.ExpressionError as failure:
        raise StateError(expressions.ERROR, scope.explained(str(failure))) from failure


def field(state: State, name: str, kind: str, given: Any, scope: Scope) -> Any:
    """Returns a member of a JSONata state, which may be an expression, of a JSON type.

    Parameters
    ----------
    kind
        ``number``, ``string`` or ``array``.
    """
    found = template(state[name], given, scope)
    if isinstance(found, bool) or not isinstance(found, _TYPES[kind]):
        raise StateError(
            expressions.ERROR,
            scope.explained(
                f"The JSONata expression '{state[name]}' specified for the field '{name}' returned "
                f"an unexpected result type. Expected '{kind}'; got {found!r}"
            ),
        )
    return found


def is_whole(value: Any) -> bool:
    """Returns whether a value is an integer, which an expression may give as a float."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def payload(value: Any, given: Any, scope: Scope) -> Any:
    """Returns a JSONPath payload template with the values of its members ending in ``.$``."""
    if isinstance(value, list):
        return [payload(item, given, scope) for item in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, item in value.items():
        if name.endswith(".$"):
            found[name.removesuffix(".$")] = selected(name, item, given, scope)
        else:
            found[name] = payload(item, given, scope)
    return found


def selected(name: str, text: str, given: Any, scope: Scope) -> Any:
    """Returns the value of a path or an intrinsic function.

    Parameters
    ----------
    name
        Member of the state that holds it, for the message of an error.
    """

    def read(path: Path) -> Any:
        try:
            return path.read(scope.context if path.is_of_context else given)
        except PathError as error:
            raise StateError(
                RUNTIME, scope.explained(f"{error}, specified for the field '{name}'")
            ) from error

    if intrinsics.is_call(text):
        return intrinsics.evaluate(intrinsics.parse(text), read)
    return read(Path.parse(text))


def _at(state: State, name: str, given: Any, scope: Scope) -> Any:
    path = state.get(name, "$")
    return {} if path is None else selected(name, path, given, scope)


def _placed(state: State, given: Any, result: Any) -> Any:
    path = state.get("ResultPath", "$")
    if path is None:
        return given
    try:
        return Path.parse(path).written(given, result)
    except PathError as error:
        raise StateError("States.ResultPathMatchFailure", str(error)) from error
