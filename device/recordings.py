"""Recorded sensors: CSV files, one a station, with a description of their columns.

Built in is the Beijing Multi-Site Air Quality data set of the UCI Machine Learning Repository
(https://doi.org/10.24432/C5RK5G): hourly, local time (UTC+8), µg/m³.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from contracts.telemetry import POLLUTANTS
from device.errors import RecordingError
from device.readings import Reading, Station

T = TypeVar("T")

STATIONS_FILE = "stations.csv"
"""Beside the recordings: columns station, longitude, latitude."""


@dataclass(frozen=True)
class ColumnMap:
    """How to read a folder of CSV files.

    Parameters
    ----------
    file_pattern
        Regular expression of the whole file name; its group ``station`` is the station's name.
    columns
        Column of each pollutant, values in µg/m³. Pollutants without one are not measured.
    time
        One column with ISO 8601 times, or the columns year, month, day and hour.
    utc_offset_hours
        Of times that carry no offset of their own.
    missing
        What stands for a missing value.
    """

    file_pattern: str
    columns: Mapping[str, str]
    time: tuple[str, ...]
    utc_offset_hours: float = 0
    missing: tuple[str, ...] = ("", "NA")

    def __post_init__(self) -> None:
        if "station" not in re.compile(self.file_pattern).groupindex:
            raise ValueError(f"file_pattern has no group (?P<station>…): {self.file_pattern!r}")
        if unknown := set(self.columns) - set(POLLUTANTS):
            raise ValueError(
                f"[columns] may name {', '.join(POLLUTANTS)}; got {', '.join(sorted(unknown))}"
            )
        if len(self.time) not in (1, 4):
            raise ValueError("time is one column, or the four of year, month, day and hour")
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))

    @classmethod
    def from_toml(cls, path: Path) -> ColumnMap:
        """Read a description, keys as the parameters above.

        Raises
        ------
        RecordingError
            The file is missing or does not describe a folder of CSV files.
        """
        try:
            document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            if isinstance(document.get("time"), str):
                document["time"] = [document["time"]]
            for key in {"time", "missing"} & set(document):
                document[key] = tuple(document[key])
            return cls(**document)
        except (OSError, TypeError, ValueError, re.error) as error:
            raise RecordingError(f"column map {path}: {error}") from error

    def describe(self) -> str:
        """All that decides how a row is read, as one stable text."""
        return f"{sorted(self.columns.items())} {self.time} {self.utc_offset_hours} {self.missing}"

    def time_of(self, row: Mapping[str, str]) -> datetime:
        """When a row was measured, in UTC.

        Raises
        ------
        ValueError
            A part of the time is no number, or there is no such day.
        """
        if len(self.time) == 1:
            moment = datetime.fromisoformat(row[self.time[0]])
        else:
            year, month, day, hour = (int(row[column]) for column in self.time)
            moment = datetime(year, month, day, hour)  # noqa: DTZ001 - the offset follows
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone(timedelta(hours=self.utc_offset_hours)))
        return moment.astimezone(UTC)

    def concentrations_of(self, row: Mapping[str, str]) -> dict[str, float | None]:
        """µg/m³ by pollutant; None where the file has nothing.

        Raises
        ------
        ValueError
            A value is neither a finite number nor one of `missing`.
        """
        return {name: self._number(row, column) for name, column in self.columns.items()}

    def _number(self, row: Mapping[str, str], column: str) -> float | None:
        text = row[column].strip()
        if text in self.missing:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(f"column {column}: expected a number or nothing; got {text!r}")
        return value


UCI_BEIJING = ColumnMap(
    file_pattern=r"PRSA_Data_(?P<station>[^_]+)_.*\.csv(\.gz)?",
    columns={
        "ozone": "O3",
        "particulate_matter": "PM2.5",
        "carbon_monoxide": "CO",
        "sulfur_dioxide": "SO2",
        "nitrogen_dioxide": "NO2",
    },
    time=("year", "month", "day", "hour"),
    utc_offset_hours=8,
)


@dataclass(frozen=True)
class CsvRecording:
    """Rows of one file with times in ``[start, end)``, in the file's order."""

    path: Path
    columns: ColumnMap
    station: Station
    digest: str
    start: datetime
    end: datetime
    expected: int

    @property
    def source(self) -> str:
        """The file's content and how it is read; its name and place do not matter."""
        return "\n".join(("csv 1", self.digest, str(self.station), self.columns.describe()))

    def readings(self) -> Iterator[Reading]:
        """One reading a row; its place is the row's number from 0, whatever the window.

        Raises
        ------
        RecordingError
            A row can't be read; says which.
        """
        for place, (moment, row) in _parsed(self.path, self._timed_row):
            if row is not None:
                yield Reading(place, moment, row)

    def _timed_row(self, row: dict[str, str]) -> tuple[datetime, dict[str, float | None] | None]:
        moment = self.columns.time_of(row)
        inside = self.start <= moment < self.end
        return moment, self.columns.concentrations_of(row) if inside else None


def _parsed(path: Path, parse: Callable[[dict[str, str]], T]) -> Iterator[tuple[int, T]]:
    """Parse every row of a file; what fails says which row it was."""
    for place, row in enumerate(_rows(path)):
        try:
            value = parse(row)
        except KeyError as error:
            raise RecordingError(f"{path}, row {place + 1}: no column {error}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise RecordingError(f"{path}, row {place + 1}: {error}") from error
        yield place, value


def _rows(path: Path) -> Iterator[dict[str, str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as lines:
            yield from csv.DictReader(lines)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(f"{path}: {error}") from error


def find_recordings(
    folder: Path,
    columns: ColumnMap = UCI_BEIJING,
    *,
    days: int | None = None,
    limit: int | None = None,
) -> list[CsvRecording]:
    """All stations of a folder, sorted by name.

    Parameters
    ----------
    days
        Only that many days before the last reading of any station; None is everything.
    limit
        At most that many stations.

    Raises
    ------
    RecordingError
        No file matches, two files hold one station, or coordinates are missing.
    """
    if not folder.is_dir():
        raise RecordingError(f"{folder} is no folder; give one with CSV files and {STATIONS_FILE}")
    files = _files_by_station(folder, columns)
    stations = _stations(folder / STATIONS_FILE)
    if unplaced := sorted(set(files) - set(stations)):
        raise RecordingError(f"{folder / STATIONS_FILE} lacks {', '.join(unplaced)}")
    chosen = dict(sorted(files.items())[:limit])
    times = {name: _times(path, columns) for name, path in chosen.items()}
    end = max(max(moments) for moments in times.values()) + timedelta(hours=1)
    start = min(min(moments) for moments in times.values())
    if days is not None:
        start = max(start, end - timedelta(days=days))
    return [
        CsvRecording(
            path=path,
            columns=columns,
            station=stations[name],
            digest=_digest(path),
            start=start,
            end=end,
            expected=sum(start <= moment < end for moment in times[name]),
        )
        for name, path in chosen.items()
    ]


def _files_by_station(folder: Path, columns: ColumnMap) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if not (match := re.fullmatch(columns.file_pattern, path.name)):
            continue
        name = match["station"]
        if name in files:
            raise RecordingError(f"two files hold station {name}: {files[name].name}, {path.name}")
        files[name] = path
    if not files:
        raise RecordingError(f"no file in {folder} is named like {columns.file_pattern}")
    return files


def _stations(path: Path) -> dict[str, Station]:
    if not path.is_file():
        raise RecordingError(
            f"{path} is missing: it gives the stations' coordinates "
            "(columns station, longitude, latitude)"
        )
    stations = (station for _, station in _parsed(path, _station))
    return {station.name: station for station in stations}


def _station(row: dict[str, str]) -> Station:
    return Station(row["station"], float(row["longitude"]), float(row["latitude"]))


def _times(path: Path, columns: ColumnMap) -> list[datetime]:
    times = [moment for _, moment in _parsed(path, columns.time_of)]
    if not times:
        raise RecordingError(f"{path} holds no rows")
    return times


def _digest(path: Path) -> str:
    """SHA-256 of the content, the same whether or not the file is compressed."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as content:
        return hashlib.sha256(content.read()).hexdigest()
