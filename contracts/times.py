"""Reads times."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_time(text: str, name: str = "") -> datetime:
    """A time in ISO 8601, in UTC; without an offset it is taken for UTC.

    Parameters
    ----------
    name
        Name of the value, for the message of an error.

    Raises
    ------
    ValueError
        It is no time, or none that UTC has: offsets can lead out of the years 1 to 9999.
    """
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        expected = f"{name} in ISO 8601" if name else "ISO 8601"
        raise ValueError(
            f"expected {expected}, such as 2026-01-31T12:00:00Z; got {text!r}"
        ) from None
