"""The one wait for what AWS does."""

from __future__ import annotations

import pytest
from forecasting.polling import EARLY_POLLS, LATE_POLL, WaitLeft, final_state


def test_each_state_is_reported_until_one_is_final():
    states, seen = iter(["Starting", "Training", "Completed"]), []
    found = final_state(
        lambda: next(states),
        lambda state: state == "Completed",
        seen.append,
        lambda _: None,
        left="…",
    )
    assert found == "Completed"
    assert seen == ["Starting", "Training", "Completed"]


def test_slow_operations_are_polled_less_often():
    pauses: list[float] = []
    final_state(
        lambda: len(pauses), lambda count: count > EARLY_POLLS, sleep=pauses.append, left="…"
    )
    assert pauses == [1.0] * EARLY_POLLS + [LATE_POLL]


def test_an_interrupted_wait_says_how_to_resume_it():
    def leave(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(WaitLeft, match="make train JOB=x waits for it again"):
        final_state(
            lambda: "Training",
            lambda _: False,
            sleep=leave,
            left="make train JOB=x waits for it again",
        )
    assert issubclass(WaitLeft, KeyboardInterrupt)  # a process that is interrupted ends with 130
