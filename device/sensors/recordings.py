"""Recorded sensors: a folder of CSV files, whose columns a column map describes.

`contracts.recordings` reads the files, for the device as for backtests.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contracts.recordings.column_map import UCI_BEIJING, ColumnMap
from contracts.recordings.errors import RecordingError
from contracts.recordings.folder import STATIONS_FILE, examined, station_files, unmatched
from contracts.recordings.left_out import LeftOut
from contracts.recordings.recorded_file import RecordedFile
from device.sensors.readings import Reading, Station
from device.sensors.stations import read_stations


@dataclass(frozen=True)
class CsvFile:
    """Rows of one file with times in ``[start, end)``, in the file's order."""

    file: RecordedFile
    station: Station
    start: datetime
    end: datetime

    @property
    def source(self) -> str:
        """Identity from the file's content and column map, not from its name and path."""
        digest, columns = self.file.text.digest, self.file.columns
        return "\n".join(("csv 1", digest, str(self.station), columns.describe()))

    def readings(self) -> Iterator[Reading]:
        """Yield one reading per row; its place is the row's number from 0, for any window."""
        for row in self.file.rows(within=(self.start, self.end)):
            yield Reading(row.place, row.moment, row.values)


@dataclass(frozen=True)
class CsvRecording:
    """The files of one station.

    Parameters
    ----------
    parts
        Its files by name. Each has its own identity: a further daily file changes none of the
        others' readings.
    expected
        Number of readings.
    notes
        Lines about what its files lack, and what was left out of them; those of the first station
        include lines about files that are left out as a whole.
    """

    station: Station
    parts: tuple[CsvFile, ...]
    expected: int
    notes: tuple[str, ...] = ()

    def readings(self) -> Iterator[Reading]:
        """Yield the readings of all files."""
        for part in self.parts:
            yield from part.readings()


@dataclass(frozen=True)
class _Survey:
    """The readings of one file: their times in seconds since 1970, and notes about it."""

    file: RecordedFile
    times: array[int]
    notes: tuple[str, ...]


def find_recordings(
    folder: Path,
    columns: ColumnMap = UCI_BEIJING,
    *,
    days: int | None = None,
    limit: int | None = None,
) -> list[CsvRecording]:
    """Find and examine all stations of a folder, sorted by name.

    Parameters
    ----------
    days
        Number of days before the last reading of any station; None is everything.
    limit
        Maximum number of stations.

    Raises
    ------
    RecordingError
        No file matches or fits the map, two files are the same, or coordinates are missing.
    """
    chosen = dict(list(station_files(folder, columns).items())[:limit])
    stations = read_stations(folder / STATIONS_FILE, chosen)
    surveys, notes = examined(chosen, lambda station, path: _survey(path, columns, station))
    notes += unmatched(folder, columns)
    for one_station in surveys.values():
        _check_distinct(one_station)
    times = [survey.times for one_station in surveys.values() for survey in one_station]
    end = _moment(max(max(found) for found in times)) + timedelta(hours=1)
    start = _moment(min(min(found) for found in times))
    if days is not None:
        start = max(start, end - timedelta(days=days))
    window = (int(start.timestamp()), int(end.timestamp()))
    return [
        CsvRecording(
            station=stations[name],
            parts=tuple(CsvFile(one.file, stations[name], start, end) for one in one_station),
            expected=sum(window[0] <= at < window[1] for one in one_station for at in one.times),
            notes=(
                *(notes if number == 0 else ()),
                *(note for one in one_station for note in one.notes),
                *_apart(name, one_station, start, end),
            ),
        )
        for number, (name, one_station) in enumerate(surveys.items())
    ]


def _survey(path: Path, columns: ColumnMap, station: str) -> _Survey:
    file = RecordedFile.open(path, columns, station)
    left_out = LeftOut(path)
    times = array("q", (int(row.moment.timestamp()) for row in file.rows(left_out)))
    notes = left_out.notes()
    if lacking := file.lacking:
        header = ", ".join(name for name in file.header if name)
        notes.insert(0, f"{path}: no column of {', '.join(lacking)} among {header:.200}")
    return _Survey(file, times, tuple(notes))


def _apart(station: str, surveys: list[_Survey], start: datetime, end: datetime) -> Iterator[str]:
    """Yield a line about readings before a gap that hides them: one row may have a wrong time."""
    times = sorted(at for one in surveys for at in one.times)
    before = [at for at in times if at < int(start.timestamp())]
    sent = times[len(before) :]
    if before and (not sent or sent[0] - before[-1] > (end - start).total_seconds()):
        yield (
            f"station {station}: {len(before):,} of {len(times):,} readings, to "
            f"{_moment(before[-1]):%Y-%m-%d}, lie before the days that are sent, "
            f"{start:%Y-%m-%d} to {end:%Y-%m-%d}: if the time of a last row is wrong, remove it, "
            "or give more --days"
        )


def _check_distinct(surveys: list[_Survey]) -> None:
    paths: dict[str, Path] = {}
    for survey in surveys:
        first = paths.setdefault(survey.file.text.digest, survey.file.path)
        if first != survey.file.path:
            raise RecordingError(
                f"expected different files per station; {first} and {survey.file.path} have the "
                "same content: remove one"
            )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
