"""Recorded sensors: one CSV file per station, whose columns a `ColumnMap` describes.

``column_maps/`` contains examples.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from device.errors import RecordingError
from device.sensors.column_map import UCI_BEIJING, ColumnMap
from device.sensors.readings import Reading, Station

T = TypeVar("T")

STATIONS_FILE = "stations.csv"
"""File in the recordings' folder with the columns station, longitude, latitude."""


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
        """Identity from the file's content and column map, not from its name and path."""
        return "\n".join(("csv 1", self.digest, str(self.station), self.columns.describe()))

    def readings(self) -> Iterator[Reading]:
        """Yield one reading per row; its place is the row's number from 0, for any window.

        Raises
        ------
        RecordingError
            A row can't be read; the message gives its number.
        """
        for place, (moment, row) in _parsed(self.path, self._timed_row, self.columns.delimiter):
            if row is not None:
                yield Reading(place, moment, row)

    def _timed_row(self, row: dict[str, str]) -> tuple[datetime, dict[str, float | None] | None]:
        moment = self.columns.time_of(row)
        inside = self.start <= moment < self.end
        return moment, self.columns.concentrations_of(row) if inside else None


def _parsed(
    path: Path, parse: Callable[[dict[str, str]], T], delimiter: str = ","
) -> Iterator[tuple[int, T]]:
    """Parse every row of a file that is not blank; an error gives the row's number."""
    for place, row in enumerate(_rows(path, delimiter)):
        if not any(isinstance(value, str) and value.strip() for value in row.values()):
            continue
        try:
            value = parse(row)
        except KeyError as error:
            raise RecordingError(f"{path}, row {place + 1}: no column {error}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise RecordingError(f"{path}, row {place + 1}: {error}") from error
        yield place, value


def _rows(path: Path, delimiter: str) -> Iterator[dict[str, str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
            yield from csv.DictReader(lines, delimiter=delimiter)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(f"{path}: {error}") from error


def find_recordings(
    folder: Path,
    columns: ColumnMap = UCI_BEIJING,
    *,
    days: int | None = None,
    limit: int | None = None,
) -> list[CsvRecording]:
    """Find all stations of a folder, sorted by name.

    Parameters
    ----------
    days
        Number of days before the last reading of any station; None is everything.
    limit
        Maximum number of stations.

    Raises
    ------
    RecordingError
        No file matches, two files hold one station, or coordinates are missing.
    """
    if not folder.is_dir():
        raise RecordingError(
            f"{folder} is not a folder; expected one with CSV files and {STATIONS_FILE}"
        )
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
        match = re.fullmatch(columns.file_pattern, path.name)
        if not match or path.name == STATIONS_FILE:
            continue
        name = match["station"]
        if name in files:
            raise RecordingError(f"two files hold station {name}: {files[name].name}, {path.name}")
        files[name] = path
    if not files:
        raise RecordingError(f"no file in {folder} has a name like {columns.file_pattern}")
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
    times = [moment for _, moment in _parsed(path, columns.time_of, columns.delimiter)]
    if not times:
        raise RecordingError(f"{path} holds no rows")
    return times


def _digest(path: Path) -> str:
    """Return the SHA-256 of the uncompressed content."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as content:
        return hashlib.sha256(content.read()).hexdigest()
