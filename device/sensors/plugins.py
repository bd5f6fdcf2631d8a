"""Loads sensor plug-ins by name from a group of entry points, and defines the built-in ones.

A package adds a sensor with an entry point of the group ``lakecast.sensors``: a function from a
`Setting` to a `readings.Sensor`.

    [project.entry-points."lakecast.sensors"]
    sds011 = "my_package:sensor"

By default, the agent requests each reading. A sensor that produces readings at its own pace (a
pipe, a bus, an interrupt) has the attribute ``self_paced = True``: it may block, and ``--delay``
does not apply to it.
"""

from __future__ import annotations

import codecs
import contextlib
import math
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import BinaryIO

from contracts.errors import LakecastError
from contracts.json_text import parsed
from contracts.messages.telemetry import EARLIEST, POLLUTANTS
from contracts.recordings.folder import column_map
from device.clock import Clock
from device.errors import DeviceError, SensorError
from device.sensors.readings import Message, Reading, Recording, Sensor, Station
from device.sensors.recordings import find_recordings
from device.sensors.simulation import SITES, LiveSimulation

GROUP = "lakecast.sensors"
BACKLOG = 10_000
"""Maximum number of queued readings of a self-paced sensor; beyond it, the sensor blocks."""

LINE_LIMIT_BYTES = 64 * 1024
"""Maximum length of a line on standard input; a reading has a few hundred bytes."""

_EARLIEST = datetime.fromisoformat(EARLIEST)


@dataclass(frozen=True)
class Setting:
    """The input of a sensor plug-in.

    Parameters
    ----------
    thing_name
        Thing name of the device.
    options
        Options from ``--option KEY=VALUE``.
    clock
        Clock for the time of readings. If it is not set yet, use the time that it shows.
    """

    thing_name: str
    options: Mapping[str, str]
    clock: Clock

    def text(self, name: str, default: str | None = None) -> str:
        """Return an option.

        Raises
        ------
        SensorError
            The option was not given and has no default.
        """
        value = self.options.get(name, default)
        if value is None:
            raise SensorError(f"the sensor needs --option {name}=…")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """Return an option that is a finite number; raises `SensorError` as `text` does."""
        text = self.text(name, None if default is None else str(default))
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise SensorError(f"--option {name}: expected a number; got {text!r}")
        return value


def names() -> list[str]:
    """Return the names of the installed sensors."""
    return sorted(point.name for point in entry_points(group=GROUP))


def open_sensor(name: str, setting: Setting) -> Sensor:
    """Open the sensor of a name.

    Raises
    ------
    SensorError
        The sensor does not exist, can't be loaded, or has invalid options.
    """
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise SensorError(
            f"no sensor {name!r} is installed (entry points of {GROUP}); "
            f"there are: {', '.join(names()) or 'none; install the package'}"
        )
    try:
        make: Callable[[Setting], Sensor] = next(iter(found)).load()
        return make(setting)
    except LakecastError:
        raise
    except Exception as error:  # external code may raise anything; name the sensor
        raise SensorError(f"sensor {name}: {type(error).__name__}: {error}") from error


def simulated(setting: Setting) -> Sensor:
    """Open a station of the simulated city. Options: site (harbour), seed (0)."""
    name = setting.text("site", SITES[0].station.name)
    for site in SITES:
        if site.station.name == name:
            return LiveSimulation(site, int(setting.number("seed", 0)), setting.clock.now)
    known = ", ".join(site.station.name for site in SITES)
    raise SensorError(f"no site {name!r}; there are: {known}")


@dataclass(frozen=True)
class Played:
    """A recording's values in sequence, with the current time."""

    recording: Recording
    clock: Clock

    @property
    def station(self) -> Station:
        return self.recording.station

    def readings(self) -> Iterator[Reading]:
        """Yield readings until the recording ends."""
        for place, reading in enumerate(self.recording.readings()):
            yield Reading(place, self.clock.now(), reading.concentrations)


def played_csv(setting: Setting) -> Sensor:
    """Open a CSV file. Options: data (its folder), columns (a map), station (the first).

    The values are the file's, the time is now; ``lakecast device replay`` keeps the file's times.
    """
    folder = Path(setting.text("data"))
    columns = column_map(folder, setting.options.get("columns"))
    recordings = find_recordings(folder, columns)
    name = setting.text("station", recordings[0].station.name)
    for recording in recordings:
        if recording.station.name == name:
            for note in recording.notes:
                print(f"lakecast device: {note}", file=sys.stderr)
            return Played(recording, setting.clock)
    known = ", ".join(recording.station.name for recording in recordings)
    raise SensorError(f"no station {name!r}; there are: {known}")


@dataclass(frozen=True)
class JsonLines:
    """Readings from a pipe, one JSON object per line.

    The keys are pollutants (µg/m³; null or missing if not measured) and optionally ``timestamp``
    (ISO 8601 with offset; default: now), which is kept as it is. A line that can't become a reading
    is reported on stderr and skipped.
    """

    station: Station
    lines: BinaryIO
    clock: Clock
    self_paced = True

    def readings(self) -> Iterator[Reading]:
        """Yield readings until the pipe is closed."""
        place = 0
        for number, line in enumerate(_lines(self.lines), start=1):
            if not line.strip():
                continue
            try:
                reading = self._reading(place, line)
            except ValueError as error:
                print(f"lakecast device: line {number}: {error}", file=sys.stderr, flush=True)
                continue
            yield reading
            place += 1

    def _reading(self, place: int, line: bytes) -> Reading:
        if len(line) > LINE_LIMIT_BYTES:
            raise ValueError(f"expected at most {LINE_LIMIT_BYTES:,} bytes; got more")
        body = parsed(line)
        if not isinstance(body, dict):
            raise ValueError(f"expected a JSON object; got {body!r:.40}")  # noqa: TRY004
        given = body.pop("timestamp", None)
        taken_at = self.clock.now() if given is None else _time(given)
        if unknown := sorted(set(body) - set(POLLUTANTS)):
            raise ValueError(f"expected {', '.join(POLLUTANTS)}; got {', '.join(unknown)!r:.80}")
        values = {name: _concentration(name, value) for name, value in body.items()}
        return Reading(place, taken_at, values, time_is_given=given is not None)


def _lines(pipe: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a pipe; of one beyond the limit only its start, to bound the memory."""
    start = codecs.BOM_UTF8  # written by some programs at the start of a stream
    while line := pipe.readline(LINE_LIMIT_BYTES + 1):
        yield line.removeprefix(start)
        start = b""
        while line and not line.endswith(b"\n") and len(line) > LINE_LIMIT_BYTES:
            line = pipe.readline(LINE_LIMIT_BYTES + 1)


def _time(given: object) -> datetime:
    moment = None
    if isinstance(given, str):
        with contextlib.suppress(ValueError, OverflowError):  # UTC leaves the range of years
            local = datetime.fromisoformat(given)
            moment = local.astimezone(UTC) if local.tzinfo else None
    if moment is None:
        raise ValueError(
            "timestamp: expected ISO 8601 with an offset, such as 2026-06-01T10:00:00Z; "
            f"got {given!r:.40}"
        )
    if moment < _EARLIEST:
        raise ValueError(
            f"timestamp: expected a time from {EARLIEST} on; got {given!r:.40}: without one, the "
            "station dates the reading"
        )
    return moment


def _concentration(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # an integer beyond the range of a double
            float(value)
            return value
    raise ValueError(f"{name}: expected a number or null; got {value!r:.40}")


def standard_input(setting: Setting) -> Sensor:
    """Open JSON lines on standard input. Options: longitude, latitude (degrees)."""
    station = Station(setting.thing_name, setting.number("longitude"), setting.number("latitude"))
    # A separate file: at exit, sys.stdin would be locked by the thread that still reads it.
    return JsonLines(station, os.fdopen(os.dup(0), "rb"), setting.clock)


def guarded(messages: Iterable[Message]) -> Iterator[Message]:
    """Yield the messages; convert any error of the sensor into a `SensorError`."""
    try:
        yield from messages
    except DeviceError:
        raise
    except Exception as error:
        raise SensorError(f"the sensor failed: {type(error).__name__}: {error}") from error


class Feed(Iterator[Message | None]):
    """Messages of a self-paced sensor, read by a separate thread; None while there are none.

    Parameters
    ----------
    on_message
        Function that the thread calls when there is a message, or at the end.
    """

    def __init__(self, messages: Iterable[Message], on_message: Callable[[], None]) -> None:
        self._messages = messages
        self._on_message = on_message
        self._waiting: queue.Queue[Message | DeviceError | None] = queue.Queue(BACKLOG)
        self._over = False
        threading.Thread(target=self._read, name="sensor", daemon=True).start()

    def __next__(self) -> Message | None:
        if self._over:
            raise StopIteration
        try:
            item = self._waiting.get_nowait()
        except queue.Empty:
            return None
        if isinstance(item, Message):
            return item
        self._over = True
        if item is None:
            raise StopIteration
        raise item

    def _read(self) -> None:
        end: DeviceError | None = None
        try:
            for message in guarded(self._messages):
                self._waiting.put(message)
                self._on_message()
        except DeviceError as error:  # raised when the agent takes the next message
            end = error
        self._waiting.put(end)
        self._on_message()
