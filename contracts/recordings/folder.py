"""Finds the files of recorded stations in a folder, and the column map that fits them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from contracts.recordings.column_map import SHIPPED, ColumnMap
from contracts.recordings.errors import NoHeaderError, RecordingError
from contracts.recordings.recorded_file import RecordedFile
from contracts.recordings.text_files import TextFile

T = TypeVar("T")

STATIONS_FILE = "stations.csv"
"""File in the folder with the columns station, longitude, latitude; needed to send readings."""

_CSV_NAMES = (".csv", ".csv.gz")
_EACH_ROWS = "the station of each row"
_SHOWN = 3
_TRIED = 20


def station_files(folder: Path, columns: ColumnMap) -> dict[str, list[Path]]:
    """Returns the files of each station, both sorted by name.

    Raises
    ------
    RecordingError
        There is no such folder, or no file in it has a name or a station that the map describes.
    """
    found = _matching(folder, columns)
    if columns.station:
        found, errors = _by_column(found.get(_EACH_ROWS, []), columns)
        if errors and not found:
            raise errors[0]
    if not found:
        there = ", ".join(path.name for path in _files(folder)[:5]) or "no file"
        raise RecordingError(
            f"no file in {folder} has a name like {columns.file_pattern}; there is {there}"
        )
    return found


def unmatched(folder: Path, columns: ColumnMap) -> list[str]:
    """Returns a line about each file of a folder that the map describes no station of.

    These are CSV files with another name, and files without the columns of the station.
    """
    matching = _matching(folder, columns)
    used = {path for paths in matching.values() for path in paths}
    errors = _by_column(matching.get(_EACH_ROWS, []), columns)[1] if columns.station else []
    return [
        *(
            f"left out, the whole file: {path}: expected a name like {columns.file_pattern}"
            for path in _files(folder)
            if path.name.endswith(_CSV_NAMES) and path not in used
        ),
        *(f"left out, the whole file: {error}" for error in errors),
    ]


def examined(
    files: Mapping[str, Sequence[Path]], examine: Callable[[str, Path], T]
) -> tuple[dict[str, list[T]], list[str]]:
    """Examines the files of each station, and leaves out those that cannot be used.

    Returns
    -------
    The results of each station that has any, and a line about each file that is left out.

    Raises
    ------
    RecordingError
        No file can be used; the error is that of the first.
    """
    found: dict[str, list[T]] = {}
    errors: list[RecordingError] = []
    for station, paths in files.items():
        for path in paths:
            try:
                found.setdefault(station, []).append(examine(station, path))
            except RecordingError as error:
                errors.append(error)
    usable = {station: results for station, results in found.items() if results}
    if not usable:
        raise errors[0]
    return usable, [f"left out, the whole file: {error}" for error in errors]


def column_map(folder: Path, name: str | None) -> ColumnMap:
    """Reads a map by its name or file; without one, finds the built-in map that fits a folder.

    A map fits if it describes the name and the header of any of the first files.

    Raises
    ------
    RecordingError
        The named map cannot be read, or not exactly one built-in map fits.
    """
    if name is not None:
        return ColumnMap.named(name)
    fitting, complaints = {}, []
    for shipped in SHIPPED:
        columns = ColumnMap.named(shipped)
        paths = [path for paths in _matching(folder, columns).values() for path in paths]
        for path in paths[:_TRIED]:
            try:
                RecordedFile.open(path, columns)
            except NoHeaderError:
                continue
            except RecordingError as error:
                complaints.append(f"{shipped}: {error}")
            else:
                fitting[shipped] = columns
                break
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if fitting:
        raise RecordingError(
            f"several column maps fit the files of {folder}: name one of {', '.join(fitting)}"
        )
    problem = "; ".join(complaints[:_SHOWN]) or _about(folder)
    raise RecordingError(
        f"no built-in column map ({', '.join(SHIPPED)}) fits the files of {folder}: {problem}. "
        "Name a map, or a file in TOML that describes the columns"
    )


def _about(folder: Path) -> str:
    """Describes the first CSV file of a folder, for the author of a map."""
    files = [path for path in _files(folder) if path.name.endswith(_CSV_NAMES)]
    if not files:
        there = ", ".join(path.name for path in _files(folder)[:5])
        return f"expected files named *.csv or *.csv.gz; got {there or 'none'}"
    line, text = next(TextFile.examine(files[0]).lines(), (1, ""))
    return f"{files[0]}, line {line}: {text.strip()[:200]!r}"


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise RecordingError(
            f"{folder} is not a folder; expected one with CSV files and {STATIONS_FILE}"
        )
    return [p for p in sorted(folder.iterdir()) if p.is_file() and p.name != STATIONS_FILE]


def _matching(folder: Path, columns: ColumnMap) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in _files(folder):
        if match := re.fullmatch(columns.file_pattern, path.name):
            # file systems write é in one character or in two
            name = _EACH_ROWS if columns.station else match["station"] or ""
            if name:
                found.setdefault(unicodedata.normalize("NFC", name), []).append(path)
    return dict(sorted(found.items()))


def _by_column(
    paths: Sequence[Path], columns: ColumnMap
) -> tuple[dict[str, list[Path]], list[RecordingError]]:
    """Returns the files of each station by the columns of the station, and errors of the others."""
    found: dict[str, list[Path]] = {}
    errors: list[RecordingError] = []
    for path in paths:
        try:
            for name in RecordedFile.open(path, columns).stations():
                found.setdefault(unicodedata.normalize("NFC", name), []).append(path)
        except RecordingError as error:
            errors.append(error)
    return dict(sorted(found.items())), errors
