"""Calls of the rollout: one that is refused leads to another look and not to a failure."""

from __future__ import annotations

from infra.modules.machines.states_language import Call, State, task, to_failure

REFUSED = "Is the refusal passing"
"""State that every refused call leads to. It reads ``step`` and ``cause``."""


def look(step: str, call: Call, *, then: str, **assign: str) -> State:
    """Call that changes nothing, repeated while the service is at fault.

    Parameters
    ----------
    assign
        Variables by JSONata expressions.
    """
    return task(step, call, then=then, assign=assign).but(Catch=[to_failure(step, then=REFUSED)])


def act(step: str, call: Call, *, then: str, **assign: str) -> State:
    """Call that changes something, not repeated before the next look."""
    return look(step, call, then=then, **assign).but(Retry=[])
