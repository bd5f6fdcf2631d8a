"""Tests that times parsed as a column equal times parsed one by one."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.times import utc_time
from glue_jobs.telemetry.timestamps import time_of, times

OFFSETS = ("", "Z", "+00:00", "-05:30", "+14:00")
FIRST, LAST = datetime(2, 1, 3), datetime(9998, 12, 29)  # noqa: DTZ001 - of any offset
STAMPS = st.builds(
    "{}{}{}".format,
    st.datetimes(FIRST, LAST).map("{:%4Y-%m-%dT%H:%M:%S}".format),
    st.integers(0, 999_999).map(".{:06d}".format) | st.sampled_from(["", ".5", ".25"]),
    st.sampled_from(OFFSETS),
)


def column(*texts):
    return pa.chunked_array([pa.array(texts, pa.string())])


@given(st.lists(STAMPS, min_size=1, max_size=5))
def test_a_column_of_times_equals_single_times(texts):
    found = times(column(*texts))
    expected = [utc_time(text) for text in texts]
    assert [time_of(text) for text in texts] == expected
    if found is not None:
        assert found.to_pylist() == expected
    else:  # not all have an offset, and not all lack one
        assert len({text[19:].lstrip(".0123456789") == "" for text in texts}) == 2


@pytest.mark.parametrize("offset", OFFSETS)
def test_times_in_the_same_form_are_parsed_as_a_column(offset):
    texts = [f"2026-06-0{day}T12:00:00{offset}" for day in (1, 2, 3)]
    assert times(column(*texts)).to_pylist() == [utc_time(text) for text in texts]


@pytest.mark.parametrize(
    "text", ["2026-06-01", "2026-W23-1T12:00:00Z", "2026-02-30T12:00:00Z", "2026-06-01T12:00Z", "x"]
)
def test_a_text_that_is_not_rfc_3339_is_refused_by_both_parsers(text):
    assert time_of(text) is None
    assert times(column("2026-06-01T12:00:00Z", text)) is None


def test_a_fraction_is_read_to_the_microsecond():
    expected = datetime(2026, 6, 1, 12, 0, 0, 123_456, tzinfo=UTC)
    assert time_of("2026-06-01T12:00:00.123456789Z") == expected
