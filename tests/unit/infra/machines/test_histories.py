"""Polling loops end before the history of their execution is full.

Step Functions ends an execution with more than 25,000 events:
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import pytest

from contracts.names import ENVIRONMENTS
from infra.modules.machines.polling import Polling
from infra.modules.machines.states_language import choice, expression, fail, machine, wait
from tests.support.expressions import evaluate
from tests.unit.infra.machines.test_calls import definition_of
from tests.unit.infra.test_stacks import Estate

MOST_EVENTS = 25_000
_TASK = 5
"""Events of a task that succeeds at once: entered, scheduled, started, succeeded, exited."""
_RETRY = 3
"""Events of a failed attempt: scheduled, started, failed."""
_OTHER = 2
"""Events of any other state: entered, exited."""

States = Mapping[str, Mapping[str, Any]]


def transitions(state: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yields the states that may follow, with the condition and the variables that are set."""
    for rule in state.get("Choices", []):
        yield rule["Next"], rule["Condition"], rule.get("Assign", {})
    for one in (state, *state.get("Catch", [])):
        if "Next" in one:
            yield one["Next"], "", one.get("Assign", {})
    if "Default" in state:
        yield state["Default"], "", state.get("Assign", {})


def laps(states: States, start: str) -> Iterator[tuple[str, ...]]:
    """Yields the ways from a state back to itself that pass no other state twice."""
    pending = [(start,)]
    while pending:
        path = pending.pop()
        for following, _, _ in transitions(states[path[-1]]):
            if following == start:
                yield path
            elif following not in path:
                pending.append((*path, following))


def events(state: Mapping[str, Any]) -> int:
    """Counts the events of a state whose retries all are used."""
    if state["Type"] != "Task":
        return _OTHER
    return _TASK + _RETRY * sum(one["MaxAttempts"] for one in state.get("Retry", []))


def most_laps(states: States, lap: tuple[str, ...]) -> int:
    """Returns how often a lap can be run: the bound of a condition on what the lap counts."""
    taken = [
        one
        for state, following in pairwise((*lap, lap[0]))
        for one in transitions(states[state])
        if one[0] == following
    ]
    counters = {
        counter
        for _, _, assigned in taken
        for counter, value in assigned.items()
        if value == expression(f"${counter} + 1")
    }
    bounds = [
        int(bound)
        for state in lap
        for _, condition, _ in transitions(states[state])
        for counter, bound in re.findall(r"\$(\w+) [<>] (\d+)", condition)
        if counter in counters
    ]
    assert bounds, f"a loop without end: {' → '.join(lap)}"
    return min(bounds) + 1


def worst(states: States) -> dict[str, int]:
    """Returns the most events of the loops through each wait."""
    found: dict[str, int] = {}
    for name, state in states.items():
        if state["Type"] == "Wait":
            for lap in laps(states, name):
                once = sum(events(states[one]) for one in lap)
                most = once * most_laps(states, lap)
                found[name] = max(found.get(name, 0), most)
    return found


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_loop_fills_the_history_of_its_execution(synthesised, environment):
    estate = Estate(synthesised, environment)
    found = {
        f"{name}: {waiting}": most
        for name in estate.resources("aws_sfn_state_machine")
        for waiting, most in worst(definition_of(estate, name)["States"]).items()
    }

    assert {one.rpartition(": ")[2] for one in found} == {"Crawling", "Wait", "Wait before retry"}
    # the other states of an execution need some, too
    assert {one: most for one, most in found.items() if most > 0.8 * MOST_EVENTS} == {}


def test_a_loop_without_end_is_found():
    states = machine(
        "test",
        "Wait",
        {"Wait": wait(5, "Is it done"), "Is it done": choice("Wait", ("$done", "Done")),
         "Done": fail("Done", "x")},
    ).definition["States"]  # fmt: skip
    with pytest.raises(AssertionError, match="a loop without end: Wait → Is it done"):
        worst(states)


@pytest.mark.parametrize("first", [1, 15, 300])
def test_waits_grow_to_the_longest_and_add_up_to_the_hours(first):
    polling = Polling("n", first, longest=120, hours=2)
    seconds = [evaluate(polling.seconds, n=number) for number in range(polling.most)]

    assert seconds[0] == first
    assert all(before <= after for before, after in pairwise(seconds))
    assert max(seconds) == max(first, 120)
    assert all(one == int(one) for one in seconds), "a wait takes whole seconds"
    assert 7200 <= sum(seconds) <= 7200 + polling.most + max(seconds)
    assert not evaluate(polling.is_over, n=polling.most)
    assert evaluate(polling.is_over, n=polling.most + 1)
