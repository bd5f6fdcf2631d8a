"""The one wait for what AWS does: each state is reported, and a person may leave at any time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

EARLY_POLLS = 60
"""Polls a second apart; what takes longer is asked every `LATE_POLL` seconds, to spare quotas."""
LATE_POLL = 10.0

State = TypeVar("State")


class WaitLeft(KeyboardInterrupt):
    """A wait that a person left, while the work goes on in AWS; says how to take it up again."""


def final_state(
    ask: Callable[[], State],
    is_final: Callable[[State], bool],
    report: Callable[[State], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
    *,
    left: str,
) -> State:
    """Report each state that is asked for, until one is final; that one.

    Parameters
    ----------
    left
        How to take the wait up again, for a person who leaves it.

    Raises
    ------
    WaitLeft
        A person left (Ctrl-C).
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
