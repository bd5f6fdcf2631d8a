"""Reads the coordinates of recorded stations from ``stations.csv``."""

from __future__ import annotations

import contextlib
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from contracts.messages.limits import POSITION
from contracts.messages.telemetry import is_thing_name
from contracts.recordings.errors import RecordingError, UnreadableError
from contracts.recordings.text_files import TextFile, fields, listed, normalised
from device.sensors.readings import Station

_COLUMNS = ("station", "longitude", "latitude")
_THING = "thing_name"
_DELIMITERS = (",", ";", "\t")


def read_stations(path: Path, wanted: Iterable[str]) -> dict[str, Station]:
    """Return the stations of the given names; rows of others may have any content.

    Raises
    ------
    RecordingError
        The file, a column or a station is missing, or a row of a wanted station cannot be used.
    """
    if not path.is_file():
        raise RecordingError(
            f"{path} is missing: it gives the stations' coordinates "
            f"(columns {', '.join(_COLUMNS)}, and optionally {_THING})"
        )
    names = {_composed(name) for name in wanted}
    stations: dict[str, Station] = {}
    for line, row in _rows(path):
        if row["station"] not in names:
            continue
        try:
            station = _station(row)
        except UnreadableError as error:
            raise RecordingError(error.at(path, line)) from None
        if stations.setdefault(station.name, station) != station:
            raise RecordingError(
                f"{path}, line {line}: expected each station once; got {station.name!r} again"
            )
    if unplaced := sorted(names - set(stations)):
        raise RecordingError(f"{path} lacks {', '.join(unplaced)}")
    return stations


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line numbers and fields by column; a row that is cut off lacks the last ones."""
    lines = TextFile.examine(path).lines()
    line, header = next(lines, (1, ""))
    delimiter = max(_DELIMITERS, key=header.count)
    try:
        names = [normalised(name) for name in fields(header, delimiter)]
    except UnreadableError as error:
        raise RecordingError(error.at(path, line)) from None
    if lacking := [name for name in _COLUMNS if name not in names]:
        raise RecordingError(
            f"{path}, line {line}: expected the column {lacking[0]}; got {listed(names)}"
        )
    for number, text in lines:
        with contextlib.suppress(UnreadableError):  # its station, if it is wanted, will be missing
            row = (_composed(field.strip()) for field in fields(text, delimiter))
            found = {"station": "", **dict(zip(names, row, strict=False))}
            if delimiter != ",":  # then degrees may have a decimal comma
                found |= {one.field: found.get(one.field, "").replace(",", ".") for one in POSITION}
            yield number, found


def _composed(name: str) -> str:
    """Return a name as `contracts.recordings.folder` spells it: é in one character."""
    return unicodedata.normalize("NFC", name)


def thing_name_of(station: str) -> str:
    """Return a station's thing name: in lower case, words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", station.lower()).strip("-")


def thing_names(stations: Sequence[Station]) -> list[str]:
    """Return a thing name per station, in the given order.

    Raises
    ------
    RecordingError
        A name has no character that a thing name may have, or two stations get the same one.
    """
    found: dict[str, str] = {}
    for station in stations:
        name = station.thing_name or thing_name_of(station.name)
        if not is_thing_name(name):
            raise RecordingError(
                f"station {station.name!r}: expected a thing name of 1 to 128 letters (a-z), "
                f"digits and hyphens; got {name!r}: give one in a column {_THING} of stations.csv"
            )
        if name in found:
            raise RecordingError(
                f"stations {found[name]!r} and {station.name!r}: expected a thing name each; got "
                f"{name!r} for both: give them in a column {_THING} of stations.csv"
            )
        found[name] = station.name
    return list(found)


def _station(row: Mapping[str, str]) -> Station:
    degrees = {}
    for limit in POSITION:
        text = row.get(limit.field, "")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not limit.admits(value):
            expected = f"degrees from {limit.low:,} to {limit.high:,}"
            raise UnreadableError(limit.field, expected, text)
        degrees[limit.field] = value
    if not any(degrees.values()):
        raise UnreadableError("longitude, latitude", "a position (0/0 means none)", "0/0")
    return Station(row["station"], **degrees, thing_name=row.get(_THING) or None)
