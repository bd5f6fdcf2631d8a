"""Parses the times of recorded rows by a column map."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from contracts.messages.telemetry import CLOCK_TOLERANCE_HOURS, EARLIEST
from contracts.recordings.column_map import EPOCH_UNITS, ColumnMap
from contracts.recordings.errors import UnreadableError

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_UTC_NAME = re.compile(r"\s*(UTC|GMT)$", re.IGNORECASE)
_APART = re.compile(r"\s+(?=[+-]\d\d:?\d\d$)")
_EARLIEST = datetime.fromisoformat(EARLIEST)
_CACHED_TEXTS = 1 << 16
_LONGEST = 100
"""Maximum length of a time in characters; longer texts are not parsed, or kept in the cache."""


class TimeParser:
    """Parses the times of one file, in the order of its rows.

    Parameters
    ----------
    now
        The present: no row was recorded later.
    """

    def __init__(self, columns: ColumnMap, now: datetime) -> None:
        self.column = ", ".join(columns.time)
        self._latest = now + timedelta(hours=CLOCK_TOLERANCE_HOURS)
        self._offset = timezone(timedelta(hours=columns.utc_offset_hours))
        self._zone = ZoneInfo(columns.time_zone) if columns.time_zone else None
        self._before: dict[str, datetime] = {}
        self._shift = _HOUR if columns.hour_ending else timedelta(0)
        self._expected, parse = _format(columns)
        self._parse = functools.lru_cache(maxsize=_CACHED_TEXTS)(parse)

    def moment(self, texts: Sequence[str], series: str = "") -> datetime:
        """Returns the time of a row in UTC.

        Parameters
        ----------
        texts
            Values of the map's ``time`` columns.
        series
            Series of the row in a file of several: each has its own order of times.

        Raises
        ------
        UnreadableError
            The time cannot be parsed, does not exist, or lies before `EARLIEST` or in the future.
        """
        if sum(map(len, texts)) > _LONGEST:
            raise UnreadableError(self.column, self._expected, " ".join(texts))
        try:
            local = self._parse(*texts)
            moment = self._in_utc(local, series) - self._shift
        except UnreadableError:
            raise
        except (ValueError, OverflowError):
            raise UnreadableError(self.column, self._expected, " ".join(texts)) from None
        if not _EARLIEST <= moment <= self._latest:
            expected = f"a time from {_EARLIEST:%Y-%m-%d} to {self._latest:%Y-%m-%d}"
            raise UnreadableError(self.column, expected, " ".join(texts))
        return moment

    def _in_utc(self, local: datetime, series: str) -> datetime:
        if local.tzinfo is not None:
            return local.astimezone(UTC)
        if self._zone is None:
            return local.replace(tzinfo=self._offset).astimezone(UTC)
        first = local.replace(tzinfo=self._zone, fold=0).astimezone(UTC)
        second = local.replace(tzinfo=self._zone, fold=1).astimezone(UTC)
        if first > second:
            expected = (
                f"a time that exists in {self._zone.key} (if the file has no summer time, give "
                "utc_offset_hours instead)"
            )
            raise UnreadableError(self.column, expected, local.isoformat(" "))
        moment = first
        if first < second and (before := self._before.get(series)):
            moment = second if first <= before <= second else first
        self._before[series] = moment
        return moment


def _format(columns: ColumnMap) -> tuple[str, Callable[..., datetime]]:
    """Returns the expected form of a time, for messages, and its parser."""
    form = columns.time_format
    if form in EPOCH_UNITS:
        scale = EPOCH_UNITS[form]
        unit = "seconds" if form == "%s" else "milliseconds"
        return f"{unit} since 1970", lambda *texts: _epoch(" ".join(texts), scale)
    if form is not None:
        return f"a time in the format {form}", lambda *texts: _with_hour_24(
            lambda text: datetime.strptime(text, form),  # noqa: DTZ007 - the offset follows
            " ".join(text.strip() for text in texts),
        )
    if len(columns.time) == 4:
        return "whole numbers of an existing year, month, day and hour", _from_parts
    expected = "an ISO 8601 time such as 2020-01-31 13:00 (others need time_format)"
    return expected, lambda *texts: _with_hour_24(datetime.fromisoformat, _iso(texts))


def _iso(texts: Sequence[str]) -> str:
    """Returns a time as ISO 8601 writes it: with the offset of UTC, and no blank before offsets."""
    text = " ".join(text.strip() for text in texts)
    return _APART.sub("", _UTC_NAME.sub("+00:00", text))


def _epoch(text: str, scale: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(text) * scale)


def _from_parts(*texts: str) -> datetime:
    try:
        year, month, day, hour = map(int, texts)
    except ValueError:
        numbers = [float(text) for text in texts]  # a column with gaps may have been written so
        if any(number % 1 for number in numbers):
            raise
        year, month, day, hour = map(int, numbers)
    if hour == 24:
        return datetime(year, month, day) + _DAY  # noqa: DTZ001 - the offset follows
    return datetime(year, month, day, hour)  # noqa: DTZ001


def _with_hour_24(parse: Callable[[str], datetime], text: str) -> datetime:
    """Parses a time that may have the hour 24: the midnight at the end of its day."""
    try:
        return parse(text)
    except ValueError:
        # Only an hour's 24 is invalid where 00 is valid.
        for match in re.finditer(r"(?<!\+)24", text):
            try:
                moment = parse(f"{text[: match.start()]}00{text[match.end() :]}")
            except ValueError:
                continue
            if not (moment.hour or moment.minute or moment.second):
                return moment + _DAY
        raise
