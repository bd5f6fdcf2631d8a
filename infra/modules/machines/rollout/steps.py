"""Calls of the rollout: a rejected call leads to another comparison and not to a failure."""

from __future__ import annotations

from infra.modules.machines.states_language import (
    FOR_THE_SERVICE,
    Call,
    State,
    task,
    to_failure,
)

REFUSED = "Are retries left"
"""Name of the state that every rejected call leads to; it reads ``step`` and ``cause``."""


def look(step: str, call: Call, *, then: str, **assign: str) -> State:
    """Returns a read-only call, with retries for service errors; it uses up no quota.

    Parameters
    ----------
    assign
        Variables by JSONata expressions.
    """
    return task(step, call, then=then, assign=assign).but(
        Retry=[FOR_THE_SERVICE], Catch=[to_failure(step, then=REFUSED)]
    )


def act(step: str, call: Call, *, then: str, **assign: str) -> State:
    """Returns a call that changes something; it is not retried before the next comparison."""
    return look(step, call, then=then, **assign).but(Retry=[])
