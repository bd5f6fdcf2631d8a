"""Reads the rows of one recorded CSV file by a column map.

A field or a row that cannot be used is left out and counted; the rows around it are kept. A file
that does not fit the map at all is an error that names what was expected and what was found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from contracts.recordings.column_map import ColumnMap
from contracts.recordings.errors import RecordingError, UnreadableError
from contracts.recordings.header import Header, either, find_header
from contracts.recordings.left_out import LeftOut
from contracts.recordings.records import Record, records
from contracts.recordings.text_files import TextFile, listed, normalised
from contracts.recordings.times import SwappedError, TimeParser
from contracts.recordings.values import NotANumberError, ValueParser

_LISTED = 50
"""Maximum number of names of a long file's parameters that are kept for messages."""

STATION_JOINT = "-"


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
class RecordedFile:
    """A CSV file whose header fits a column map.

    Parameters
    ----------
    station
        Station whose rows are read, of a map with columns of the station; None reads all.
    """

    text: TextFile
    columns: ColumnMap
    station: str | None
    _header: Header
    _positions: Mapping[str, int]

    @classmethod
    def open(cls, path: Path, columns: ColumnMap, station: str | None = None) -> RecordedFile:
        """Examines a file and its header.

        Raises
        ------
        RecordingError
            The file cannot be read, or lacks the header or columns of the map.
        """
        text = TextFile.examine(path)
        header, positions = find_header(text, columns)
        return cls(text, columns, station if columns.station else None, header, positions)

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

    def stations(self) -> list[str]:
        """Returns the names of the stations of a file with columns of the station, sorted."""
        at = [self._positions[f"station {number}"] for number in range(len(self.columns.station))]
        found: set[str] = set()
        for record in self._records():
            if len(record.fields) > max(at) and not self._header.is_repeated_by(record.fields, at):
                found.add(STATION_JOINT.join(record.fields[one].strip() for one in at))
        return sorted(found - {""})

    def _records(self) -> Iterator[Record]:
        """Yields the records after the header."""
        width = self._header.width
        found = records(
            self.text.lines(), self.columns.delimiter, lambda fields: len(fields) >= width
        )
        return (record for record in found if record.line > self._header.last)


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
        columns, names, at = file.columns, file._header.every_name, file._positions
        self._file = file
        self._left_out = left_out
        self._within = within
        self._times = TimeParser(columns, datetime.now(UTC))
        self._time_at = [at[f"time {number}"] for number in range(len(columns.time))]
        self._station_at = [at[f"station {number}"] for number in range(len(columns.station))]
        self._where = {
            at[f"where {name}"]: {
                normalised(one) for one in ((texts,) if isinstance(texts, str) else texts)
            }
            for name, texts in columns.where.items()
        }
        self._long = columns.parameter is not None
        self._width = file._header.width
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
        self._seen: defaultdict[str, dict[datetime, tuple[int, int]]] = defaultdict(dict)
        self._parameters: dict[str, None] = {}
        self._not_numbers: dict[str, str] = {}
        self._good = self._bad = self._again = self._elsewhere = 0
        self._swapped: str | None = None
        self._more: int | None = None
        self._first = 0

    def rows(self) -> Iterator[Row]:
        header = self._file._header
        per_record = len(header.numbers) or 1
        for number, record in enumerate(self._file._records()):
            try:
                fields = self._fields(record)
            except UnreadableError as error:
                self._leave_out(record.line, error)
                continue
            for place, row in enumerate(header.rows(fields) if fields else ()):
                try:
                    found = self._row(number * per_record + place, record.line, row)
                except UnreadableError as error:
                    self._leave_out(record.line, error)
                    continue
                if found is not None:
                    yield found

    def _leave_out(self, line: int, error: UnreadableError) -> None:
        self._bad += 1
        self._left_out.add(line, error)
        if isinstance(error, SwappedError) and self._swapped is None:
            self._swapped = error.at(self._file.path, line)

    def _fields(self, record: Record) -> list[str] | None:
        """Returns the fields of a record; None if all are blank."""
        header, row = self._file._header, record.fields
        if record.error:
            raise record.error
        if not "".join(row).strip():
            return None
        more = max(0, len(row) - len(header.names))
        if self._more is None:
            self._more, self._first = more, record.line
        if (
            len(row) < self._width
            or "".join(row[self._width :]).strip()
            or more not in (0, self._more)
        ):
            expected = f"{self._width} fields, as in line {header.line}"
            raise UnreadableError(None, expected, len(row))
        return row

    def _check_no_header(self, line: int, row: Sequence[str]) -> None:
        """Raises an error for a row that is a header.

        Raises
        ------
        UnreadableError
            It is the file's own, again.
        RecordingError
            It has other columns, so the rows after it do, too.
        """
        header = self._file._header
        if header.is_repeated_by(row, range(self._width)):
            raise UnreadableError(None, "one header", f"that of line {header.line} again")
        if header.is_repeated_by(row, self._time_at):
            raise RecordingError(
                f"{self._file.path}, line {line}: expected the header of line {header.line} again; "
                f"got {listed(row)}: divide the file there"
            )

    def _row(self, place: int, line: int, row: Sequence[str]) -> Row | None:
        if not self._is_wanted(row):
            self._check_no_header(line, row)
            self._elsewhere += 1
            return None
        series = self._series(line, row) if self._long else ""
        if series is None:
            return None
        try:
            moment = self._times.moment([row[at] for at in self._time_at], series)
        except UnreadableError:
            self._check_no_header(line, row)
            raise
        content = hash(tuple(row))
        first, before = self._seen[series].setdefault(moment, (line, content))
        if first != line:
            self._again += before != content
            expected = (
                "each time once (an hour that occurs twice in autumn needs time_zone, a file of "
                "several stations their column as station)"
            )
            raise UnreadableError(self._times.column, expected, f"that of line {first} again")
        self._good += 1
        if self._within and not self._within[0] <= moment < self._within[1]:
            return None
        if series:
            return Row(place, moment, {series: self._value(line, series, row)})
        return Row(place, moment, {name: self._value(line, name, row) for name in self._parsers})

    def _is_wanted(self, row: Sequence[str]) -> bool:
        """Returns whether a row is of the file's station and has the map's texts."""
        if self._file.station is not None:
            name = STATION_JOINT.join(row[at].strip() for at in self._station_at)
            if name != self._file.station:
                return False
        return all(normalised(row[at]) in texts for at, texts in self._where.items())

    def _series(self, line: int, row: Sequence[str]) -> str | None:
        """Returns the pollutant of a row in long format; None if the map does not name it."""
        parameter = row[self._file._positions["parameter"]]
        found = self._pollutants.get(normalised(parameter))
        if found is None:
            self._check_no_header(line, row)
            if len(self._parameters) < _LISTED:
                self._parameters[parameter] = None
        return found

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
        """Checks at the end of a file that the map fits it.

        Raises
        ------
        RecordingError
            It does not; the message has the first case.
        """
        first, columns = self._left_out.first(), self._file.columns
        if not self._good:
            self._refuse_empty(first)
        if first and not any(parser.kept for parser in self._parsers.values()):
            raise RecordingError(f"{first}; no value of the file can be used: check the column map")
        if self._bad > self._good or self._again >= self._good:
            raise RecordingError(
                f"{first}; {self._bad:,} of {self._bad + self._good:,} rows cannot be read: check "
                "the column map"
            )
        if self._swapped and not self._times.is_day_proven:
            raise RecordingError(
                f"{self._swapped}; the day may stand before the month, or after it: check "
                "time_format"
            )
        self._check_decimal_point()
        for name, parser in self._parsers.items():
            readable = parser.kept + parser.missing + parser.impossible
            if parser.others > readable:
                values = parser.others + readable
                raise RecordingError(
                    f"{self._not_numbers[name]}; {parser.others:,} of {values:,} values are no "
                    "numbers: check the column map"
                )
        if self._parameters:
            names = listed(list(self._parameters))
            self._left_out.remark(f"not measured, of the column {columns.parameter}: {names}")

    def _refuse_empty(self, first: str | None) -> None:
        path, columns = self._file.path, self._file.columns
        if self._parameters and not first:
            raise RecordingError(
                f"{path}, column {columns.parameter}: expected one of "
                f"{', '.join(map(either, columns.columns.values()))}; "
                f"got {listed(list(self._parameters))}"
            )
        if self._elsewhere and not first:
            wanted = [f"{name} {either(texts)}" for name, texts in columns.where.items()]
            raise RecordingError(
                f"{path}: expected rows with {' and '.join(wanted)}; got {self._elsewhere:,} others"
            )
        raise RecordingError(
            first or f"{path} holds no rows after its header, line {self._file._header.line}"
        )

    def _check_decimal_point(self) -> None:
        """Refuses a file that may have decimal commas, which a delimiter of commas splits.

        Its rows may then have as many fields as the header has, if they lack the last ones.
        """
        columns, header = self._file.columns, self._file._header
        if columns.delimiter != "," or columns.decimal is not None:
            return
        if any(parser.has_point for parser in self._parsers.values()):
            return
        if self._more:
            hint = f"more fields than in line {header.line}"
        elif "%H.%M" in (columns.time_format or ""):
            hint = f"times as {columns.time_format}, as in countries with decimal commas"
        else:
            return
        raise RecordingError(
            f"{self._file.path}, line {self._first}: expected a number with a decimal "
            f"point in {listed([one.column for one in self._parsers.values()])}; got none, and "
            f"{hint}: decimal commas between commas divide a value. Divide the columns by another "
            'character, or give decimal = "." if all numbers are whole'
        )
