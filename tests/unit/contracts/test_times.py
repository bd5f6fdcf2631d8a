"""Times that are written as text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contracts.times import utc_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31 12:00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:30:00.25-05:30", datetime(2026, 1, 31, 18, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_a_time_is_converted_to_utc_and_is_utc_without_an_offset(text, expected):
    found = utc_time(text)
    assert found == expected
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["yesterday", "", "2026-02-30", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"],
)
def test_an_invalid_time_is_repeated_in_the_error(text):
    expected = f"expected ISO 8601, such as 2026-01-31T12:00:00Z; got {text!r}"
    with pytest.raises(ValueError, match="expected ISO 8601") as caught:
        utc_time(text)
    assert str(caught.value) == expected
    with pytest.raises(ValueError, match=r"^expected --start in ISO 8601, such as"):
        utc_time(text, "--start")
