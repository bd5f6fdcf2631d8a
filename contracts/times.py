"""Parses times."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_time(text: str, name: str = "") -> datetime:
    """Parses an ISO 8601 time and returns it in UTC; a time without an offset is UTC.

    Parameters
    ----------
    name
        Name of the value, for error messages.

    Raises
    ------
    ValueError
        The text is not a time, or its offset moves it outside the years 1 to 9999 in UTC.
    """
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        expected = f"{name} in ISO 8601" if name else "ISO 8601"
        raise ValueError(
            f"expected {expected}, such as 2026-01-31T12:00:00Z; got {text!r}"
        ) from None
