"""Waiting for what AWS does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

EARLY_POLLS = 60
"""Polls a second apart; what takes longer is asked every `LATE_POLL` seconds, to spare quotas."""
LATE_POLL = 10.0

State = TypeVar("State")


def final_state(
    ask: Callable[[], State],
    is_final: Callable[[State], bool],
    report: Callable[[State], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> State:
    """Report each state that is asked for, until one is final; that one."""
    polls = 0
    while True:
        state = ask()
        report(state)
        if is_final(state):
            return state
        polls += 1
        sleep(1.0 if polls <= EARLY_POLLS else LATE_POLL)
