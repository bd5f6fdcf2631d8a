"""Parses the messages' times in RFC 3339: a column at once, or a single one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from contracts.lake.arrow_schemas import TIME
from contracts.times import utc_time

_CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
RFC_3339 = rf"\d{{4}}-\d{{2}}-\d{{2}}[T ]{_CLOCK}:([0-5]\d|60)(\.\d{{1,9}})?(Z|[+-]{_CLOCK})?"
"""Devices from before version 1 may omit the offset, which means UTC."""

_SECONDS = slice(len("2026-06-01T12:00:"), len("2026-06-01T12:00:00"))
_LEAP_SECONDS = ("06-30 23:59", "12-31 23:59")  # https://www.rfc-editor.org/rfc/rfc3339#appendix-D

_RANGE = tuple(pa.scalar(datetime(year, 1, 1, tzinfo=UTC), TIME).value for year in (2, 9999))
"""Times that Python can represent with any offset. Arrow can parse others, such as the year 0."""


def times(texts: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Parse a column of timestamps; None if one of them is irregular or out of `_RANGE`."""
    if pc.all(pc.match_substring_regex(texts, f"^{RFC_3339}$")).as_py() is False:
        return None
    for written in (TIME, pa.timestamp("us")):  # all with an offset, or all without
        try:
            found = texts.cast(written)
        except pa.ArrowInvalid:
            continue
        utc = found if written is TIME else pc.assume_timezone(found, "UTC")
        return utc if _in_range(utc) else None
    return None


def _in_range(found: pa.ChunkedArray) -> bool:
    ends = pc.min_max(found.cast(pa.int64()))
    first, last = (ends[name].as_py() for name in ("min", "max"))
    return first is None or (_RANGE[0] <= first and last < _RANGE[1])


def time_of(text: str) -> datetime | None:
    """Parse one timestamp; None if it is not RFC 3339.

    A leap second is the first second of the next day, as in Unix time.
    """
    if not re.fullmatch(RFC_3339, text, re.ASCII):
        return None
    try:
        if text[_SECONDS] != "60":
            return utc_time(text)
        before = utc_time(f"{text[: _SECONDS.start]}59{text[_SECONDS.stop :]}")
        if f"{before:%m-%d %H:%M}" not in _LEAP_SECONDS:
            return None
        return before + timedelta(seconds=1)
    except (ValueError, OverflowError):  # not a date, or out of range in UTC
        return None
