"""The pace: the minimum delay, and a schedule that follows its interval immediately."""

from __future__ import annotations

from datetime import timedelta

import pytest

from device.agent.pace import Pace, Rhythm

TEN = timedelta(seconds=10)


@pytest.fixture
def rhythm(monkeypatch: pytest.MonkeyPatch) -> Rhythm:
    """Create a rhythm at 100 s."""
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    return Rhythm(TEN)


def test_the_first_reading_is_due_immediately_and_the_next_an_interval_later(rhythm):
    assert rhythm.due == 100
    rhythm.taken(100.0)
    assert rhythm.due == 110


def test_a_late_reading_does_not_shift_the_schedule(rhythm):
    rhythm.taken(100.0)
    rhythm.taken(110.4)
    assert rhythm.due == 120


def test_missed_readings_are_not_made_up_for(rhythm):
    rhythm.taken(100.0)
    rhythm.taken(175.0)
    assert rhythm.due == 175
    rhythm.taken(175.0)
    assert rhythm.due == 185


@pytest.mark.parametrize(("interval", "due"), [(2, 102), (600, 700)])
def test_a_new_interval_counts_from_the_last_reading(rhythm, interval, due):
    rhythm.taken(100.0)
    rhythm.interval = timedelta(seconds=interval)
    assert rhythm.due == due


@pytest.mark.parametrize("milliseconds", [0, 1, 249.9, -5])
def test_a_delay_below_250_ms_is_rejected(milliseconds):
    with pytest.raises(ValueError, match=f"at least 250 ms; got {milliseconds:g} ms"):
        Pace(delay=timedelta(milliseconds=milliseconds))


@pytest.mark.parametrize("milliseconds", [250, 1000])
def test_a_delay_of_at_least_250_ms_is_accepted(milliseconds):
    assert Pace(delay=timedelta(milliseconds=milliseconds)).delay
