"""Polls AWS until a state is final and reports each state; Ctrl-C ends only the wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

EARLY_POLLS = 60
"""Number of polls one second apart; later polls are `LATE_POLL` seconds apart, to save quota."""
LATE_POLL = 10.0

State = TypeVar("State")


class WaitLeft(KeyboardInterrupt):
    """A wait ended by Ctrl-C while AWS continues; the message says how to resume waiting."""


def final_state(
    ask: Callable[[], State],
    is_final: Callable[[State], bool],
    report: Callable[[State], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
    *,
    left: str,
) -> State:
    """Polls and reports the state until it is final, and returns the final state.

    Parameters
    ----------
    left
        Message for a user who stops waiting: how to resume the wait.

    Raises
    ------
    WaitLeft
        The user pressed Ctrl-C.
    """
    polls = 0
    try:
        while True:
            state = ask()
            report(state)
            if is_final(state):
                return state
            polls += 1
            sleep(1.0 if polls <= EARLY_POLLS else LATE_POLL)
    except KeyboardInterrupt:
        raise WaitLeft(left) from None
