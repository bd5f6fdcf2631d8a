"""Parses the messages' times in RFC 3339: a column at once, or a single one."""

from __future__ import annotations

import re
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from contracts.lake.arrow_schemas import TIME
from contracts.times import utc_time

RFC_3339 = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})?"
"""Devices from before version 1 may omit the offset, which means UTC."""


def times(texts: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Parse a column of timestamps; None if one of them is not in a regular form."""
    if pc.all(pc.match_substring_regex(texts, f"^{RFC_3339}$")).as_py() is False:
        return None
    for written in (TIME, pa.timestamp("us")):  # all with an offset, or all without
        try:
            found = texts.cast(written)
        except pa.ArrowInvalid:
            continue
        return found if written is TIME else pc.assume_timezone(found, "UTC")
    return None


def time_of(text: str) -> datetime | None:
    """Parse one timestamp; None if it is not RFC 3339."""
    if not re.fullmatch(RFC_3339, text, re.ASCII):
        return None
    try:
        return utc_time(text)
    except ValueError:  # not a date, or out of range in UTC
        return None
