"""Runs Parallel states and inline Map states.

https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html
https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from localcloud.services.stepfunctions.engine import data, retries
from localcloud.services.stepfunctions.engine.errors import RUNTIME, StateError, Stopped
from localcloud.services.stepfunctions.engine.scope import Group, Scope

State = dict[str, Any]
RunStates = Callable[[State, Any, Scope], Any]
"""Runs the states of a definition, or of a branch, with an input, and returns the output."""

MAP_CONCURRENCY = 40
"""Iterations of an inline Map state that run at once, whatever ``MaxConcurrency`` says."""


def run_parallel(
    state: State, given: Any, scope: Scope, run_states: RunStates
) -> tuple[Any, str | None]:
    """Returns the output and the next state of a Parallel state."""

    def attempt() -> Any:
        effective = data.arguments(state, given, scope)
        with _recorded("ParallelState", None, scope):
            branches = Branches(scope)
            results = branches.run(
                [
                    _of_branch(branch, effective, scope.inner(branches.group), run_states)
                    for branch in state["Branches"]
                ]
            )
        return data.output(state, given, results, scope)

    return retries.run(state, given, scope, attempt)


def run_map(
    state: State, given: Any, scope: Scope, run_states: RunStates
) -> tuple[Any, str | None]:
    """Returns the output and the next state of a Map state."""

    def attempt() -> Any:
        items, most = _items(state, given, scope), _concurrency(state, given, scope)
        with _recorded("MapState", {"length": len(items)}, scope):
            branches = Branches(scope)
            iterations = [
                _iteration(state, given, (index, item), branches, run_states)
                for index, item in enumerate(items)
            ]
            results = branches.run(iterations, most)
        return data.output(state, given, results, scope)

    return retries.run(state, given, scope, attempt)


@dataclass
class Branches:
    """Branches that run at the same time, and of which a failure ends all."""

    scope: Scope
    group: Group = field(init=False)
    failure: StateError | None = None

    def __post_init__(self) -> None:
        self.group = Group(self.scope.group)
        self._lock = threading.Lock()

    def run(self, branches: Sequence[Callable[[], tuple[Any, int]]], most: int = 0) -> list[Any]:
        """Runs branches and returns their results in order.

        Parameters
        ----------
        branches
            Each returns its result and the number of its last event.
        most
            Number of branches that run at the same time; 0 for all.

        Raises
        ------
        StateError
            The first error of a branch.
        """
        results: list[Any] = [None] * len(branches)
        waiting = iter(enumerate(branches))

        def work() -> None:
            while not self.group.is_over:
                with self._lock:
                    number, branch = next(waiting, (0, None))
                if branch is None:
                    return
                try:
                    results[number], last = branch()
                except Stopped:
                    return
                except StateError as error:
                    self._fail(error)
                except Exception as error:  # whatever it is, the execution must end
                    self._fail(StateError(RUNTIME, f"{type(error).__name__}: {error}"))
                else:
                    with self._lock:
                        self.scope.event = max(self.scope.event, last)

        context = contextvars.copy_context  # each thread has its own
        threads = [
            threading.Thread(target=context().run, args=(work,), daemon=True)
            for _ in range(min(most or len(branches), len(branches)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failure is not None:
            raise self.failure
        if self.scope.group.is_over:
            raise Stopped
        return results

    def _fail(self, error: StateError) -> None:
        with self._lock:
            if self.failure is None:
                self.failure = error
                self.scope.event = max(self.scope.event, error.event)
                self.group.event = error.event
                self.group.ended.set()


@contextmanager
def _recorded(kind: str, started: State | None, scope: Scope) -> Iterator[None]:
    """Adds the events of the start and the end of the branches of a state."""
    scope.record(f"{kind}Started", started)
    try:
        yield
    except StateError:
        scope.record(f"{kind}Failed")
        raise
    scope.record(f"{kind}Succeeded", advances=False)


def _of_branch(
    branch: State, given: Any, inner: Scope, run_states: RunStates
) -> Callable[[], tuple[Any, int]]:
    return lambda: (run_states(branch, given, inner), inner.event)


def _iteration(
    state: State,
    given: Any,
    numbered: tuple[int, Any],
    branches: Branches,
    run_states: RunStates,
) -> Callable[[], tuple[Any, int]]:
    index, item = numbered

    def run() -> tuple[Any, int]:
        place = {"Item": {"Index": index, "Value": item}}
        inner = branches.scope.inner(branches.group, Map=place)
        details = {"name": branches.scope.context["State"]["Name"], "index": index}
        inner.record("MapIterationStarted", details)
        try:
            selected = _selected(state, given, item, inner)
            result = run_states(processor(state), selected, inner)
        except StateError:
            inner.record("MapIterationFailed", details, advances=False)
            raise
        except Stopped:
            inner.abort("MapIterationAborted", details)
            raise
        inner.record("MapIterationSucceeded", details, advances=False)
        return result, inner.event

    return run


def processor(state: State) -> State:
    """Returns the states of a Map state, under their present or their former name."""
    found: State = state["ItemProcessor"] if "ItemProcessor" in state else state["Iterator"]
    return found


def _selected(state: State, given: Any, item: Any, inner: Scope) -> Any:
    selector = state.get("ItemSelector", state.get("Parameters"))
    if selector is None:
        return item
    if data.is_jsonata(state, inner):
        return data.template(selector, given, inner)
    return data.payload(selector, data.effective_input(state, given, inner), inner)


def _items(state: State, given: Any, scope: Scope) -> list[Any]:
    if data.is_jsonata(state, scope):
        if "Items" in state:
            found: list[Any] = data.field(state, "Items", "array", given, scope)
            return found
        items = given
    else:
        effective = data.effective_input(state, given, scope)
        items = data.selected("ItemsPath", state.get("ItemsPath", "$"), effective, scope)
    if not isinstance(items, list):
        raise StateError(
            RUNTIME, scope.explained(f"The items of a Map state must be an array; got {items!r}")
        )
    return items


def _concurrency(state: State, given: Any, scope: Scope) -> int:
    if "MaxConcurrencyPath" in state:
        most = data.selected("MaxConcurrencyPath", state["MaxConcurrencyPath"], given, scope)
    elif data.is_jsonata(state, scope) and "MaxConcurrency" in state:
        most = data.field(state, "MaxConcurrency", "number", given, scope)
    else:
        most = state.get("MaxConcurrency", 0)
    if not data.is_whole(most) or most < 0:
        raise StateError(
            RUNTIME, scope.explained(f"MaxConcurrency must be an integer from 0; got {most!r}")
        )
    return min(int(most) or MAP_CONCURRENCY, MAP_CONCURRENCY)
