"""Follows every path of a state machine, with the results of its calls made up beforehand.

Expressions are evaluated with the values that the states before them assign, and choices follow
their conditions, so each call is seen with the arguments that it would have on AWS. A call is
followed into each of its results and into each of its catches.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jsonata import JException

from tests.support.expressions import evaluate

Values = Mapping[str, Any]

MOST_RETRIES = 12
"""Sum of a task's retries, which some job names contain."""
_PER_STATE = 40
"""Situations in which one state is followed; a loop has no end of them."""
_CAUSE = json.dumps({"FailureReason": "the container wrote «no data» — and stopped"})


@dataclass
class Paths:
    """The calls that were seen, by state, and what an execution would fail of."""

    calls: dict[str, list[tuple[str, Values]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def follow(
        self,
        machine: Values,
        given: Any,
        results: Callable[[str, str, Values], Sequence[Any]],
    ) -> None:
        """Follows all paths of one execution.

        Parameters
        ----------
        given
            Input of the execution.
        results
            Function of a state's name, its resource without ``arn:aws:states:::`` and its
            arguments; returns the results that the call may have.
        """
        execution = {
            "Id": "arn:aws:states:eu-west-1:123456789012:execution:machine:20261231-235959-abcd",
            "Name": "20261231-235959-abcd",
            "StartTime": "2026-12-31T23:59:59.000Z",
            "Input": given,
        }
        _Walk(self, results, execution).through(machine, {}, given)


class _Walk:
    def __init__(self, paths: Paths, results: Any, execution: Values) -> None:
        self._paths = paths
        self._results = results
        self._execution = execution
        self._known: dict[str, Any] = {}

    def through(self, machine: Values, variables: Values, given: Any) -> list[Any]:
        """Returns the outputs with which the machine, or a branch, may end."""
        outputs: list[Any] = []
        seen: dict[str, set[str]] = {}
        pending = deque([(machine["StartAt"], variables, given)])
        while pending:
            name, variables, given = pending.popleft()
            situation = json.dumps([variables, given], sort_keys=True)
            situations = seen.setdefault(name, set())
            if situation in situations or len(situations) >= _PER_STATE:
                continue
            situations.add(situation)
            for then, assigned, output in self._step(
                name, machine["States"][name], variables, given
            ):
                if then is not None:
                    pending.append((then, {**variables, **assigned}, output))
                elif output not in outputs:
                    outputs.append(output)
        return outputs

    def _step(
        self, name: str, state: Values, variables: Values, given: Any
    ) -> Iterator[tuple[str | None, Values, Any]]:
        """Yields the transitions of a state: the next one, its variables and its input."""
        kind = state["Type"]
        if kind == "Choice":
            yield self._chosen(name, state, variables, given)
            return
        if kind == "Fail":
            self._value(name, {key: state[key] for key in ("Error", "Cause")}, variables, given)
            return
        if kind == "Wait":
            self._value(name, state["Seconds"], variables, given)
        for result in self._ends(name, state, variables, given):
            yield self._after(name, state, variables, given, result)
        for catch in state.get("Catch", []):
            error = catch["ErrorEquals"][0].replace("States.ALL", "States.TaskFailed")
            caught = {"errorOutput": {"Error": error, "Cause": _CAUSE}}
            yield self._transition(name, catch, catch["Next"], variables, given, caught)

    def _ends(self, name: str, state: Values, variables: Values, given: Any) -> Sequence[Any]:
        """Returns the results that a state may have."""
        kind = state["Type"]
        if kind == "Task":
            arguments = self._value(name, state["Arguments"], variables, given)
            resource = state["Resource"].removeprefix("arn:aws:states:::")
            self._paths.calls.setdefault(name, []).append((resource, arguments))
            return self._results(name, resource, arguments)
        if kind == "Parallel":
            branches = [self.through(one, variables, given) for one in state["Branches"]]
            most = max(map(len, branches))
            return [[ends[number % len(ends)] for ends in branches] for number in range(most)]
        if kind == "Map":
            items = self._value(name, state["Items"], variables, given)
            return [[self.through(state["ItemProcessor"], variables, one) for one in items]]
        return [None]

    def _after(
        self, name: str, state: Values, variables: Values, given: Any, result: Any
    ) -> tuple[str | None, Values, Any]:
        more = {} if result is None else {"result": result}
        default = given if result is None else result
        return self._transition(name, state, state.get("Next"), variables, given, more, default)

    def _chosen(
        self, name: str, state: Values, variables: Values, given: Any
    ) -> tuple[str | None, Values, Any]:
        for rule in state["Choices"]:
            holds = self._value(name, rule["Condition"], variables, given)
            if not isinstance(holds, bool):
                self._paths.faults.append(f"{name}: {rule['Condition']} must be true or false")
            if holds:
                return self._transition(name, rule, rule["Next"], variables, given, {}, given)
        return self._transition(name, state, state["Default"], variables, given, {}, given)

    def _transition(
        self,
        name: str,
        way: Values,
        then: str | None,
        variables: Values,
        given: Any,
        more: Values,
        output: Any = None,
    ) -> tuple[str | None, Values, Any]:
        assigned = self._value(name, way.get("Assign", {}), variables, given, more)
        if "Output" in way:
            output = self._value(name, way["Output"], variables, given, more)
        return then, assigned, output

    def _value(
        self, name: str, text: Any, variables: Values, given: Any, more: Values | None = None
    ) -> Any:
        """Returns a value with all expressions in it evaluated."""
        if isinstance(text, Mapping):
            return {
                key: self._value(name, one, variables, given, more) for key, one in text.items()
            }
        if isinstance(text, list):
            return [self._value(name, one, variables, given, more) for one in text]
        if not (isinstance(text, str) and text.startswith("{%")):
            return text
        context = {
            "Execution": self._execution,
            "State": {"Name": name, "RetryCount": MOST_RETRIES},
        }
        used = {one: variables[one] for one in re.findall(r"\$(\w+)", text) if one in variables}
        used["states"] = {"input": given, "context": context, **(more or {})}
        key = json.dumps([text, used], sort_keys=True)
        if key not in self._known:
            self._known[key] = self._evaluated(name, text, used)
        return self._known[key]

    def _evaluated(self, name: str, text: str, variables: Values) -> Any:
        try:
            value = evaluate(text, **variables)
        except (JException, ValueError, TypeError) as error:
            self._paths.faults.append(f"{name}: {text} fails: {error}")
            return None
        if value is None:
            self._paths.faults.append(f"{name}: {text} has no value")
        # the library's own lists and numbers, as JSON has them
        return json.loads(json.dumps(value))
