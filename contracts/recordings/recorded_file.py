"""Reads the rows of one recorded CSV file by a column map.

A field or a row that cannot be used is left out and counted; the rows around it are kept. A file
that does not fit the map at all is an error that names what was expected and what was found.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from contracts.recordings.column_map import ColumnMap, Names
from contracts.recordings.errors import NoHeaderError, RecordingError, UnreadableError
from contracts.recordings.left_out import LeftOut
from contracts.recordings.text_files import TextFile, fields, listed, normalised
from contracts.recordings.times import TimeParser
from contracts.recordings.values import NotANumberError, ValueParser

HEADER_LINES = 50
"""Number of lines in which the header is looked for; files of networks begin with a preamble."""


@dataclass(frozen=True)
class Row:
    """One row of a file.

    Parameters
    ----------
    place
        Position among the rows after the header, from 0, counting those that are left out.
    moment
        Time in UTC.
    values
        Value of each pollutant that the row has, in µg/m³, and of each driver; None is missing.
    """

    place: int
    moment: datetime
    values: Mapping[str, float | None]


@dataclass(frozen=True)
class _Header:
    """The header of a file: the number of its line, and its columns' names."""

    line: int
    names: tuple[str, ...]

    @property
    def width(self) -> int:
        """The number of columns up to the last one with a name."""
        named = [number for number, name in enumerate(self.names, start=1) if name]
        return named[-1] if named else 0

    def column(self, names: Names) -> int | None:
        """Returns the index of a column, by the first of its names that the file has.

        Raises
        ------
        ValueError
            Several columns have the name.
        """
        for name in (names,) if isinstance(names, str) else names:
            wanted = normalised(name)
            found = [at for at, one in enumerate(self.names) if normalised(one) == wanted]
            if len(found) > 1:
                raise ValueError(f"expected the column {name} once; got it {len(found)} times")
            if found:
                return found[0]
        return None


@dataclass(frozen=True)
class RecordedFile:
    """A CSV file whose header fits a column map."""

    text: TextFile
    columns: ColumnMap
    _header: _Header
    _positions: Mapping[str, int]

    @classmethod
    def open(cls, path: Path, columns: ColumnMap) -> RecordedFile:
        """Examines a file and its header.

        Raises
        ------
        RecordingError
            The file cannot be read, or lacks the header or columns of the map.
        """
        text = TextFile.examine(path)
        header = _header(text, columns)
        try:
            positions = _positions(header, columns)
        except ValueError as error:
            raise RecordingError(
                f"{path}, line {header.line}: {error}; the columns are {listed(header.names)}"
            ) from None
        return cls(text, columns, header, positions)

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns."""
        return self._header.names

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self.text.path

    @property
    def lacking(self) -> list[str]:
        """The pollutants of the map that the file has no column of."""
        if self.columns.parameter is not None:
            return []
        return [name for name in self.columns.columns if name not in self._positions]

    def rows(
        self,
        left_out: LeftOut | None = None,
        *,
        drivers: bool = False,
        within: tuple[datetime, datetime] | None = None,
    ) -> Iterator[Row]:
        """Yields the rows that can be used, in the file's order.

        Parameters
        ----------
        left_out
            Receives what is left out. At the end of the file, the whole is judged, too.
        drivers
            Whether to read the columns of drivers.
        within
            First time, and the time after the last one; the values of other rows are not parsed.

        Raises
        ------
        RecordingError
            No row can be used, or most rows or most values of a column cannot be read.
        """
        reading = _Reading(self, left_out or LeftOut(self.path), drivers=drivers, within=within)
        yield from reading.rows()
        if left_out is not None and within is None:
            reading.judge()


class _Reading:
    """One pass over the rows of a file."""

    def __init__(
        self,
        file: RecordedFile,
        left_out: LeftOut,
        *,
        drivers: bool,
        within: tuple[datetime, datetime] | None,
    ) -> None:
        columns, names, at = file.columns, file._header.names, file._positions
        self._file = file
        self._left_out = left_out
        self._within = within
        self._times = TimeParser(columns, datetime.now(UTC))
        self._time_at = [at[f"time {number}"] for number in range(len(columns.time))]
        self._long = columns.parameter is not None
        self._width, self._named = file._header.width, len(names)
        if self._long:
            value = names[at["value"]]
            self._parsers = {name: ValueParser(name, value, columns) for name in columns.columns}
            self._pollutants = {
                normalised(text): name
                for name, texts in columns.columns.items()
                for text in ((texts,) if isinstance(texts, str) else texts)
            }
        else:
            wanted = [*columns.columns, *(columns.drivers if drivers else ())]
            self._parsers = {
                name: ValueParser(name, names[at[name]], columns) for name in wanted if name in at
            }
        self._value_at = {name: at["value" if self._long else name] for name in self._parsers}
        self._unit_at = at.get("unit")
        self._seen: defaultdict[str, dict[datetime, int]] = defaultdict(dict)
        self._parameters: dict[str, None] = {}
        self._not_numbers: dict[str, str] = {}
        self._good = self._bad = 0

    def rows(self) -> Iterator[Row]:
        header = self._file._header
        place = -1
        for line, text in self._file.text.lines():
            if line <= header.line:
                continue
            place += 1
            try:
                row = self._fields(text)
                if row is None:
                    continue
                found = self._row(place, line, row)
            except UnreadableError as error:
                self._bad += 1
                self._left_out.add(line, error)
                continue
            if found is not None:
                yield found

    def _fields(self, text: str) -> list[str] | None:
        """Returns the fields of a line; None if all are blank."""
        row = fields(text, self._file.columns.delimiter)
        if not "".join(row).strip():
            return None
        if len(row) < self._width or "".join(row[self._named :]).strip():
            expected = f"{self._named} fields, as in line {self._file._header.line}"
            raise UnreadableError(None, expected, len(row))
        return row

    def _row(self, place: int, line: int, row: Sequence[str]) -> Row | None:
        series = self._series(row) if self._long else ""
        if series is None:
            return None
        moment = self._times.moment([row[at] for at in self._time_at], series)
        first = self._seen[series].setdefault(moment, line)
        if first != line:
            expected = (
                "each time once (an hour that occurs twice in autumn needs time_zone, a file of "
                "several stations one file per station)"
            )
            raise UnreadableError(self._times.column, expected, f"that of line {first} again")
        self._good += 1
        if self._within and not self._within[0] <= moment < self._within[1]:
            return None
        if series:
            return Row(place, moment, {series: self._value(line, series, row)})
        return Row(place, moment, {name: self._value(line, name, row) for name in self._parsers})

    def _series(self, row: Sequence[str]) -> str | None:
        """Returns the pollutant of a row in long format; None if the map does not name it."""
        parameter = row[self._file._positions["parameter"]]
        if len(self._parameters) < HEADER_LINES:
            self._parameters[parameter] = None
        return self._pollutants.get(normalised(parameter))

    def _value(self, line: int, name: str, row: Sequence[str]) -> float | None:
        unit = None if self._unit_at is None else row[self._unit_at]
        try:
            return self._parsers[name].value(row[self._value_at[name]], unit)
        except UnreadableError as error:
            self._left_out.add(line, error)
            if isinstance(error, NotANumberError):
                self._not_numbers.setdefault(name, error.at(self._file.path, line))
            return None

    def judge(self) -> None:
        """Checks at the end of a file that the map fits it."""
        path, first = self._file.path, self._left_out.first()
        if not self._good:
            if self._parameters and not first:
                raise RecordingError(
                    f"{path}, column {self._file.columns.parameter}: expected one of "
                    f"{', '.join(map(_either, self._file.columns.columns.values()))}; "
                    f"got {listed(list(self._parameters))}"
                )
            raise RecordingError(
                first or f"{path} holds no rows after its header, line {self._file._header.line}"
            )
        if first and not any(parser.kept for parser in self._parsers.values()):
            raise RecordingError(f"{first}; no value of the file can be used: check the column map")
        if self._bad > self._good:
            raise RecordingError(
                f"{first}; {self._bad:,} of {self._bad + self._good:,} rows cannot be read: check "
                "the column map"
            )
        for name, parser in self._parsers.items():
            readable = parser.kept + parser.missing + parser.impossible
            if parser.others > readable:
                values = parser.others + readable
                raise RecordingError(
                    f"{self._not_numbers[name]}; {parser.others:,} of {values:,} values are no "
                    "numbers: check the column map"
                )


def _header(text: TextFile, columns: ColumnMap) -> _Header:
    """Finds the header: the first line with all columns of the time."""
    first: _Header | None = None
    for line, content in itertools.islice(text.lines(), HEADER_LINES):
        try:
            names = tuple(name.strip() for name in fields(content, columns.delimiter))
        except UnreadableError:
            continue
        header = _Header(line, names)
        first = first or header
        if all(_has(header, name) for name in columns.time):
            return header
    if first is None:
        raise RecordingError(f"{text.path}: expected a header and rows of CSV; got neither")
    raise NoHeaderError(
        f"{text.path}: expected a header with the time's columns ({', '.join(columns.time)}), "
        f"divided by {columns.delimiter!r}, in the first {HEADER_LINES} lines; line {first.line} "
        f"has {listed(first.names)}"
    )


def _has(header: _Header, name: str) -> bool:
    wanted = normalised(name)
    return any(normalised(one) == wanted for one in header.names)


def _positions(header: _Header, columns: ColumnMap) -> dict[str, int]:
    """Returns the indices of the map's columns.

    Raises
    ------
    ValueError
        A column is missing or occurs twice.
    """
    wanted: dict[str, Names] = {f"time {at}": name for at, name in enumerate(columns.time)}
    if columns.parameter is not None:
        for role in ("parameter", "value", "unit"):
            if name := getattr(columns, role):
                wanted[role] = name
    else:
        wanted |= columns.columns
    optional = set(columns.columns) if columns.optional else set()
    positions = {}
    for role, names in {**wanted, **columns.drivers}.items():
        at = header.column(names)
        if at is not None:
            positions[role] = at
        elif role not in optional and role not in columns.drivers:
            raise ValueError(f"expected the column {_either(names)}; got none")
    if columns.parameter is None and not set(columns.columns) & set(positions):
        known = ", ".join(map(_either, columns.columns.values()))
        raise ValueError(f"expected at least one of the columns {known}; got none")
    return positions


def _either(names: Names) -> str:
    return names if isinstance(names, str) else " or ".join(names)
