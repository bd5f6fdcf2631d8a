"""Column maps: the format of a folder of recorded CSV files, described in TOML."""

from __future__ import annotations

import os
import re
import tomllib
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from contracts.messages.telemetry import POLLUTANTS
from contracts.recordings.drivers import DRIVER_LIMITS
from contracts.recordings.errors import RecordingError
from contracts.recordings.units import KNOWN, factor

_SHIPPED_FOLDER = Path(__file__).with_name("maps")
SHIPPED = tuple(sorted(path.stem for path in _SHIPPED_FOLDER.glob("*.toml")))
"""Names of the built-in maps."""

EPOCH_UNITS = {"%s": 1.0, "%Q": 1e-3}
"""Seconds of each time format that counts from 1970."""

Names = str | tuple[str, ...]
"""A column's name, or the names that it has in different files."""


@dataclass(frozen=True)
class ColumnMap:
    """The format of a folder of CSV files.

    Parameters
    ----------
    file_pattern
        Regular expression of the whole file name; its group ``station`` is the station's name,
        unless ``station`` names columns.
    columns
        Column of each pollutant, values in µg/m³. Pollutants without one are not measured. Case and
        surrounding blanks of column names do not matter.
    time
        One or two columns that together are an ISO 8601 time, or the columns year, month, day and
        hour; with a ``time_format``, any columns, joined by a space. Hour 24 ends a day.
    time_format
        Format for `datetime.strptime`, or one of `EPOCH_UNITS`.
    utc_offset_hours
        UTC offset of times without one.
    missing
        Texts that mean a missing value; a number also matches in another notation (-200,0). An
        empty field is always missing.
    delimiter, decimal
        Column delimiter and decimal separator; None is a point, unless the file hints at commas.
    factors
        Factors that convert a column to µg/m³ (drivers: to the unit of `DRIVER_LIMITS`).
    units
        Units of pollutants that are not in µg/m³, instead of a factor.
    optional
        Whether a pollutant's column may be missing; the pollutant is then not measured.
    time_zone
        Time zone of times without an offset, such as Europe/Berlin, instead of
        ``utc_offset_hours``. An hour that occurs twice in autumn is read in the file's order.
    hour_ending
        Whether a time is the end of the hour that the values are means of.
    parameter, value, unit
        Columns of a file in long format, with one value per row: its name, the value, and
        optionally its unit. ``columns`` then has the names of the pollutants.
    drivers
        Columns of `DRIVER_LIMITS`, which models may use; all are optional.
    station
        Columns of files with the rows of several stations that together are the station's name,
        joined by hyphens.
    where
        Texts that a column must have; rows with another one are not read.
    hours
        Columns of files with one row per day: a name, and the columns of the day's 24 hours, such
        as ``H01..H24``. Each row is read as 24 rows with the column ``hour``, the number in the
        columns' names, and the named columns.
    """

    file_pattern: str
    columns: Mapping[str, Names]
    time: tuple[str, ...]
    utc_offset_hours: float = 0
    missing: tuple[str, ...] = ("", "NA")
    time_format: str | None = None
    delimiter: str = ","
    decimal: str | None = None
    factors: Mapping[str, float] = field(default_factory=dict)
    optional: bool = False
    time_zone: str | None = None
    hour_ending: bool = False
    parameter: str | None = None
    value: str | None = None
    unit: str | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    drivers: Mapping[str, Names] = field(default_factory=dict)
    station: tuple[str, ...] = ()
    where: Mapping[str, Names] = field(default_factory=dict)
    hours: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        has_group = "station" in re.compile(self.file_pattern).groupindex
        if not has_group and not self.station:
            raise ValueError(
                f"file_pattern has no group (?P<station>…): {self.file_pattern!r}; without one, "
                "station must name the columns of the station"
            )
        if has_group and self.station:
            raise ValueError("give a group (?P<station>…) in file_pattern or station, not both")
        for table, known in (
            ("columns", POLLUTANTS),
            ("units", POLLUTANTS),
            ("drivers", tuple(DRIVER_LIMITS)),
            ("factors", (*POLLUTANTS, *DRIVER_LIMITS)),
        ):
            named = getattr(self, table)
            if unknown := set(named) - set(known):
                raise ValueError(
                    f"[{table}] may name {', '.join(known)}; got {', '.join(sorted(unknown))} "
                    "(settings of the whole file stand above the tables)"
                )
            object.__setattr__(self, table, MappingProxyType(dict(named)))
        for table in ("where", "hours"):
            object.__setattr__(self, table, MappingProxyType(dict(getattr(self, table))))
        if len({tuple(map(_digits, hour_columns(text))) for text in self.hours.values()}) > 1:
            raise ValueError("[hours] must have the same hours in each line")
        if not self.columns:
            raise ValueError("[columns] must name the column of at least one pollutant; got none")
        self._check_time()
        self._check_numbers()
        self._check_long_format()

    def _check_time(self) -> None:
        if self.time_format is None and len(self.time) not in (1, 2, 4):
            raise ValueError(
                "time is one or two columns of an ISO 8601 time, or the four of year, month, day "
                f"and hour; got {len(self.time)}: other columns need time_format"
            )
        if not self.time:
            raise ValueError("time must name at least one column")
        if self.time_format is not None and self.time_format not in EPOCH_UNITS:
            _check_format(self.time_format)
        if not -24 < self.utc_offset_hours < 24:
            raise ValueError(
                f"utc_offset_hours must be between -24 and 24; got {self.utc_offset_hours}"
            )
        if self.time_zone is not None:
            if self.utc_offset_hours:
                raise ValueError("give utc_offset_hours or time_zone, not both")
            try:
                zoneinfo.ZoneInfo(self.time_zone)
            except (KeyError, ValueError, OSError):
                raise ValueError(
                    "time_zone must be a name of the IANA database that this machine has, such as "
                    f"Europe/Berlin; got {self.time_zone!r}"
                ) from None

    def _check_numbers(self) -> None:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ValueError(f"delimiter must be one character; got {self.delimiter!r}")
        if self.decimal not in {None, ".", ","} or self.decimal == self.delimiter:
            raise ValueError(
                "decimal must be . or , and differ from the delimiter; "
                f"got {self.decimal!r} with the delimiter {self.delimiter!r}"
            )
        for name, value in self.factors.items():
            if not 0 < value < MOST:
                raise ValueError(
                    f"[factors] {name} must be a positive number below {MOST:g}; got {value!r:.40}"
                )
            if name in self.units:
                raise ValueError(f"{name} has a factor and a unit; give one of them")
        for name, unit in self.units.items():
            if factor(unit, name) is None:
                raise ValueError(f"[units] {name} must be {KNOWN}; got {unit!r}")

    def _check_long_format(self) -> None:
        if (self.parameter is None) != (self.value is None):
            raise ValueError("a long format has both parameter and value; got one of them")
        if self.unit is not None and self.parameter is None:
            raise ValueError("unit is a column of the long format, beside parameter and value")
        if self.parameter is not None and self.drivers:
            raise ValueError("[drivers] are columns; a long format has none")

    @classmethod
    def from_toml(cls, path: Path) -> ColumnMap:
        """Reads a map whose keys are the parameters above.

        Raises
        ------
        RecordingError
            The file is missing or does not describe a folder of CSV files.
        """
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
            return cls(**{key: _typed(key, value) for key, value in _complete(document).items()})
        except RecursionError:
            raise RecordingError(f"column map {path}: nested too deeply") from None
        except (OSError, ValueError, OverflowError, re.error) as error:
            raise RecordingError(f"column map {path}: {error}") from error

    @classmethod
    def named(cls, name: str) -> ColumnMap:
        """Reads a built-in map by its name, or a map from a file.

        Raises
        ------
        RecordingError
            Neither exists, or the file does not describe a folder of CSV files.
        """
        if name in SHIPPED:
            return cls.from_toml(_SHIPPED_FOLDER / f"{name}.toml")
        if not os.path.isfile(name):  # noqa: PTH113 - unlike pathlib, takes any text
            raise RecordingError(
                f"column map {name}: no such file, and none of {', '.join(SHIPPED)}"
            )
        return cls.from_toml(Path(name))

    def standard_offset(self) -> timedelta:
        """Returns the UTC offset of the files' local time, without summer time."""
        if self.time_zone is None:
            return timedelta(hours=self.utc_offset_hours)
        zone = zoneinfo.ZoneInfo(self.time_zone)
        offsets = (datetime(2020, month, 1, tzinfo=zone).utcoffset() for month in (1, 7))
        return min(offset for offset in offsets if offset is not None)

    def describe(self) -> str:
        """Returns all settings that change readings as one stable text.

        The text is part of a replay's identity, so later parameters are left out at their defaults,
        and drivers always, because devices do not send them.
        """
        text = f"{sorted(self.columns.items())} {self.time} {self.utc_offset_hours} {self.missing}"
        if self.factors:
            text += f" factors {sorted(self.factors.items())}"
        if self.units:
            text += f" units {sorted(self.units.items())}"
        for name in _LATER:
            if getattr(self, name) not in (getattr(ColumnMap, name), _SAME.get(name)):
                text += f" {name} {getattr(self, name)!r}"
        for table in (name for name in ("where", "hours") if getattr(self, name)):
            text += f" {table} {sorted(getattr(self, table).items())}"
        return text


def hour_columns(text: str) -> list[str]:
    """Returns the 24 columns of a day's hours, such as those of ``H01..H24`` or ``00..23``.

    Raises
    ------
    ValueError
        The text is no such range.
    """
    match = re.fullmatch(r"(\D*)(\d\d?)\.\.(\D*)(\d\d?)", text, re.ASCII)
    numbers = range(int(match[2]), int(match[4]) + 1) if match and match[1] == match[3] else ()
    if match is None or list(numbers) not in ([*range(24)], [*range(1, 25)]):
        raise ValueError(
            f"[hours] must be like H01..H24, of hours 0 to 23 or 1 to 24; got {text!r}"
        )
    return [f"{match[1]}{number:0{len(match[2])}}" for number in numbers]


def _digits(column: str) -> str:
    """Returns the number of an hour's column."""
    return re.sub(r"\D", "", column).lstrip("0")


_LATER = (
    *("time_format", "delimiter", "decimal", "optional"),
    *("time_zone", "hour_ending", "parameter", "value", "unit", "station"),
)
_SAME = {"decimal": "."}
"""Values that read as the default does."""

MOST = 1e12
"""Upper bound of a factor."""

_REQUIRED = ("file_pattern", "columns", "time")


_SAMPLE = datetime(2021, 11, 23, 17, 45, tzinfo=UTC)


def _check_format(form: str) -> None:
    """Raises ValueError for a format that loses a part of the time, or is none."""
    try:
        read = datetime.strptime(_SAMPLE.strftime(form), form)  # noqa: DTZ007 - only the day is compared
    except (ValueError, re.error) as error:
        raise ValueError(
            "time_format must be one of strptime, or %s (seconds since 1970), or %Q "
            f"(milliseconds); got {form!r}: {error}"
        ) from None
    if read.date() != _SAMPLE.date():
        raise ValueError(f"time_format must have year, month and day; got {form!r}")
    if ("%I" in form) != ("%p" in form):
        raise ValueError(
            f"time_format must have %I and %p, of a clock with 12 hours, or %H alone; got {form!r}"
        )


def _complete(document: Mapping[str, Any]) -> Mapping[str, Any]:
    known = [one.name for one in fields(ColumnMap)]
    if unknown := sorted(set(document) - set(known)):
        raise ValueError(f"expected the settings {', '.join(known)}; got {', '.join(unknown)}")
    if lacking := [name for name in _REQUIRED if name not in document]:
        raise ValueError(f"expected the setting {lacking[0]}; got none")
    return document


def _typed(key: str, value: Any) -> Any:
    """Checks the type of a setting; TOML's lists become tuples, and one text a list of one."""
    expected, convert = _TYPES[key]
    try:
        return convert(value)
    except TypeError:
        raise ValueError(f"{key} must be {expected}; got {value!r:.60}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(_text, value if isinstance(value, list) else [value]))


def _signs(value: Any) -> tuple[str, ...]:
    """Converts texts and numbers that mean a missing value."""
    listed = value if isinstance(value, list) else [value]
    return tuple(one if isinstance(one, str) else str(_number(one)) for one in listed)


def _names(value: Any) -> Names:
    return _texts(value) if isinstance(value, list) and value else _text(value)


def _table(convert: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    def converted(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise TypeError
        return {name: convert(one) for name, one in value.items()}

    return converted


_ONE_TEXT = ("a text", _text)
_YES_OR_NO = ("true or false", _flag)
_COLUMNS = ("a table of column names, each a text or a list of texts", _table(_names))
_TYPES: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(
        ("file_pattern", "time_format", "delimiter", "decimal", "time_zone"), _ONE_TEXT
    ),
    **dict.fromkeys(("parameter", "value", "unit"), _ONE_TEXT),
    **dict.fromkeys(("optional", "hour_ending"), _YES_OR_NO),
    **dict.fromkeys(("columns", "drivers"), _COLUMNS),
    **dict.fromkeys(("time", "station"), ("a text or a list of texts", _texts)),
    "where": ("a table of texts, or lists of them", _table(_names)),
    "missing": ("a text, a number, or a list of them", _signs),
    "utc_offset_hours": ("a number", _number),
    "factors": ("a table of numbers", _table(_number)),
    **dict.fromkeys(("units", "hours"), ("a table of texts", _table(_text))),
}

UCI_BEIJING = ColumnMap.named("uci-beijing")
