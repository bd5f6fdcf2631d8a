"""Tests how a range of arrivals is split into windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from glue_jobs.operator.backfill import split

DAY = timedelta(days=1)
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize("size", [timedelta(hours=1), timedelta(hours=7), DAY, 30 * DAY])
def test_windows_cover_their_span_without_gap_or_overlap(size: timedelta) -> None:
    span = NOON, NOON + timedelta(days=40, minutes=5)
    windows = split(span, size)
    assert windows[0][0] == span[0]
    assert windows[-1][1] == span[1]
    assert all(one[1] == next_[0] for one, next_ in pairwise(windows))
    assert all(timedelta() < end - start <= size for start, end in windows)


def test_days_are_split_at_midnight_utc_for_any_start_of_the_span() -> None:
    midnight = datetime(2026, 6, 4, tzinfo=UTC)
    assert split((NOON, midnight + DAY), DAY) == [(NOON, midnight), (midnight, midnight + DAY)]
    there = timedelta(hours=5)
    assert split((NOON + there, midnight + there), DAY)[1:] == [(midnight, midnight + there)]


def test_an_empty_span_has_no_windows() -> None:
    assert split((NOON, NOON), DAY) == []
