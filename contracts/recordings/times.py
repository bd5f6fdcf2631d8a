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
_NEAR = timedelta(hours=3)
"""Distance from the hours that occur twice within which a row tells the order of a file."""

_NUMBER = re.compile(r"\s*-?\d+(\.\d*)?\s*", re.ASCII)
_DATE = re.compile(r"\d{4}[-\dW]{3,6}([Tt ]|$)", re.ASCII)
_ADJACENT = re.compile(r"%[YymdHIMSj]%[YymdHIMSj]")
_UTC_NAMES = ("UTC", "GMT")
_LONGEST = 100
"""Maximum length of a time in characters; longer texts are not parsed, or kept in the cache."""


class SwappedError(UnreadableError):
    """A date that only exists if day and month are exchanged."""


class TimeParser:
    """Parses the times of one file, in the order of its rows.

    Parameters
    ----------
    now
        The present: no row was recorded later.

    Attributes
    ----------
    is_day_proven
        Whether a day beyond the 12th was read, which cannot be a month.
    """

    def __init__(self, columns: ColumnMap, now: datetime) -> None:
        self.column = ", ".join(columns.time)
        self._latest = now + timedelta(hours=CLOCK_TOLERANCE_HOURS)
        self._offset = timezone(timedelta(hours=columns.utc_offset_hours))
        self._zone = ZoneInfo(columns.time_zone) if columns.time_zone else None
        self._before: dict[str, datetime] = {}
        self._backwards: dict[str, bool] = {}
        self._swapped = _swapped(columns.time_format)
        self.is_day_proven = False
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
            text = " ".join(text.strip() for text in texts)
            kind = SwappedError if self._is_swapped(text) else UnreadableError
            raise kind(self.column, self._expected, text) from None
        self.is_day_proven |= local.day > 12
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
        moment = first if first == second else self._of_two(first, second, series, local)
        before = self._before.get(series)
        if before is not None and before != moment:
            self._backwards[series] = moment < before
        self._before[series] = moment
        return moment

    def _of_two(self, first: datetime, second: datetime, series: str, local: datetime) -> datetime:
        """Returns which of two hours is meant, by the order of the rows before."""
        before = self._before.get(series)
        if before is None or not first - _NEAR <= before <= second + _NEAR:
            expected = f"a time that occurs once in {self._zone}, or rows before it that tell which"
            raise UnreadableError(self.column, expected, local.isoformat(" "))
        if first <= before <= second:
            return first if self._backwards.get(series) else second
        return first if before < first else second

    def _is_swapped(self, text: str) -> bool:
        if self._swapped is None:
            return False
        try:
            datetime.strptime(text, self._swapped)  # noqa: DTZ007 - only whether it exists
        except ValueError:
            return False
        return True


def _swapped(form: str | None) -> str | None:
    """Returns a format with day and month exchanged; None if it has not both as numbers."""
    if form is None or "%d" not in form or "%m" not in form:
        return None
    return form.replace("%d", "%\0").replace("%m", "%d").replace("%\0", "%m")


def _format(columns: ColumnMap) -> tuple[str, Callable[..., datetime]]:
    """Returns the expected form of a time, for messages, and its parser."""
    form = columns.time_format
    if form in EPOCH_UNITS:
        scale = EPOCH_UNITS[form]
        unit = "seconds" if form == "%s" else "milliseconds"
        return f"{unit} since 1970", lambda *texts: _epoch(" ".join(texts), scale)
    if form is not None:
        return f"a time in the format {form}", lambda *texts: _with_hour_24(
            lambda text: _by_format(text, form), " ".join(text.strip() for text in texts)
        )
    if len(columns.time) == 4:
        return "whole numbers of an existing year, month, day and hour", _from_parts
    expected = "an ISO 8601 time such as 2020-01-31 13:00 (others need time_format)"
    return expected, lambda *texts: _with_hour_24(_by_iso, _iso(texts))


def _iso(texts: Sequence[str]) -> str:
    """Returns a time as ISO 8601 writes it: with the offset of UTC, and no blank before offsets."""
    text = " ".join(text.strip() for text in texts)
    return _APART.sub("", _UTC_NAME.sub("+00:00", text))


def _by_iso(text: str) -> datetime:
    if _DATE.match(text) is None:  # Python takes any character between day and hour
        raise ValueError
    return datetime.fromisoformat(text)


def _by_format(text: str, form: str) -> datetime:
    moment = datetime.strptime(text, form)  # noqa: DTZ007 - the offset follows
    # Numbers without a character between them have all their digits: 100 is no hour and minute.
    if _ADJACENT.search(form) and "%f" not in form and len(text) != len(moment.strftime(form)):
        raise ValueError
    if "%Z" in form:  # Python also takes the names of the machine's own zone, and forgets them
        if not any(name in text.upper() for name in _UTC_NAMES):
            raise ValueError
        return moment.replace(tzinfo=UTC)
    return moment


def _epoch(text: str, scale: float) -> datetime:
    if _NUMBER.fullmatch(text) is None:  # 1.67E+09 has lost the minutes
        raise ValueError
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
