"""Finds the header of a recorded CSV file, and the columns of a column map in it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from contracts.recordings.column_map import ColumnMap, Names, hour_columns
from contracts.recordings.errors import NoHeaderError, RecordingError
from contracts.recordings.records import records
from contracts.recordings.text_files import TextFile, listed, normalised
from contracts.recordings.units import factor, unit_of

HEADER_LINES = 50
"""Number of records in which the header is looked for; files of networks begin with a preamble."""


HOUR = "hour"
"""Column that rows get if a row of the file has all hours of a day."""


@dataclass(frozen=True)
class Header:
    """The header of a file: the numbers of its first and last line, and its columns' names."""

    line: int
    last: int
    names: tuple[str, ...]
    hours: Mapping[str, Sequence[int]] = field(default_factory=dict)
    numbers: Sequence[str] = ()

    @property
    def every_name(self) -> tuple[str, ...]:
        """The names of the columns, and of those that `rows` adds."""
        return (*self.names, HOUR, *self.hours) if self.hours else self.names

    def rows(self, row: Sequence[str]) -> Iterator[Sequence[str]]:
        """Yields a row of the file, or one for each hour if it has those of a day."""
        if not self.hours:
            yield row
            return
        own = [*row, *([""] * len(self.names))][: len(self.names)]
        for place, number in enumerate(self.numbers):
            yield [*own, number, *(own[at[place]] for at in self.hours.values())]

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
            found = [at for at, one in enumerate(self.every_name) if normalised(one) == wanted]
            if len(found) > 1:
                raise ValueError(f"expected the column {name} once; got it {len(found)} times")
            if found:
                return found[0]
        return None

    def is_repeated_by(self, row: Sequence[str], columns: Sequence[int]) -> bool:
        """Returns whether a row has the header's names in the given columns."""
        return all(_same(row[at], self.names[at]) for at in columns if at < len(self.names))


def _same(text: str, name: str) -> bool:
    return len(text) < 4 * len(name) + 9 and normalised(text) == normalised(name)


def find_header(text: TextFile, columns: ColumnMap) -> tuple[Header, dict[str, int]]:
    """Returns a file's header and the indices of the map's columns.

    The header is the first record with all columns of the map, among those with the columns of the
    time: a preamble may have them, too.

    Raises
    ------
    RecordingError
        No record is a header of the map; the message names the columns that were found.
    """
    added = {HOUR} if columns.hours else set()
    time = [normalised(name) for name in columns.time if name not in added]

    def has_time(fields: Sequence[str]) -> bool:
        return set(time) <= set(map(normalised, fields))

    first: Header | None = None
    refused: RecordingError | None = None
    unreadable: RecordingError | None = None
    found = records(text.lines(), columns.delimiter, has_time)
    for record in itertools.islice(found, HEADER_LINES):
        if record.error:
            unreadable = unreadable or RecordingError(record.error.at(text.path, record.line))
            continue
        names = tuple(" ".join(name.split()) for name in record.fields)
        header = Header(record.line, record.last, names)
        first = first or header
        if has_time(names):
            try:
                header = _with_hours(header, columns)
                return header, _positions(header, columns)
            except ValueError as error:
                refused = refused or RecordingError(
                    f"{text.path}, line {header.line}: {error}; the columns are {listed(names)}"
                )
    if refused:
        raise refused
    if first:
        raise NoHeaderError(
            f"{text.path}: expected a header with the time's columns ({', '.join(columns.time)}), "
            f"divided by {columns.delimiter!r}, in the first {HEADER_LINES} lines; line "
            f"{first.line} has {listed(first.names)}"
        )
    raise unreadable or RecordingError(
        f"{text.path}: expected a header and rows of CSV; got neither"
    )


def _with_hours(header: Header, columns: ColumnMap) -> Header:
    """Returns the header with the columns of the map's hours.

    Raises
    ------
    ValueError
        A column is missing, or occurs twice.
    """
    hours: dict[str, list[int]] = {}
    names: list[str] = []
    for name, text in columns.hours.items():
        names = hour_columns(text)
        found = [header.column(one) for one in names]
        if None in found:
            raise ValueError(f"expected the column {names[found.index(None)]}; got none")
        hours[name] = [at for at in found if at is not None]
    return replace(header, hours=hours, numbers=[re.sub(r"\D", "", name) for name in names])


def _positions(header: Header, columns: ColumnMap) -> dict[str, int]:
    """Returns the indices of the map's columns.

    Raises
    ------
    ValueError
        A column is missing, occurs twice, or has another unit than the map.
    """
    wanted: dict[str, Names] = {f"time {at}": name for at, name in enumerate(columns.time)}
    wanted |= {f"station {at}": name for at, name in enumerate(columns.station)}
    wanted |= {f"where {name}": name for name in columns.where}
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
            raise ValueError(f"expected the column {either(names)}; got none")
    if columns.parameter is None:
        if not set(columns.columns) & set(positions):
            known = ", ".join(map(either, columns.columns.values()))
            raise ValueError(f"expected at least one of the columns {known}; got none")
        for pollutant in set(columns.columns) & set(positions):
            _check_unit(header.every_name[positions[pollutant]], pollutant, columns)
    return positions


def _check_unit(column: str, pollutant: str, columns: ColumnMap) -> None:
    """Raises ValueError if a column's name has another unit than the map gives it."""
    found, given = unit_of(column, pollutant), columns.units.get(pollutant, "µg/m³")
    if found is None or pollutant in columns.factors:
        return
    if factor(found, pollutant) != factor(given, pollutant):
        raise ValueError(
            f"expected {given} in the column {column}; got {found}: give its unit in [units], "
            f"{pollutant} = {found!r}"
        )


def either(names: Names) -> str:
    """Returns a column's names for an error message."""
    return names if isinstance(names, str) else " or ".join(names)
