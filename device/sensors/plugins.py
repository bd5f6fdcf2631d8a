"""Sensors as plug-ins: what `run` reads from is found by name among the entry points of a group.

A package brings its own sensor by an entry point of the group ``lakecast.sensors``, a function that
makes a `readings.Sensor` of a `Setting`:

    [project.entry-points."lakecast.sensors"]
    sds011 = "my_package:sensor"

A sensor that is asked gives a reading each time. One that has readings when it likes (a pipe, a
bus, an interrupt) says so by the attribute ``self_paced = True``: it may block, and ``--delay``
does not apply to it.
"""

from __future__ import annotations

import json
import math
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import BinaryIO

from contracts.messages.telemetry import POLLUTANTS
from device.clock import Clock
from device.errors import DeviceError, SensorError
from device.sensors.column_map import ColumnMap
from device.sensors.readings import Message, Reading, Recording, Sensor, Station
from device.sensors.recordings import find_recordings
from device.sensors.simulation import SITES, LiveSimulation

GROUP = "lakecast.sensors"
BACKLOG = 10_000
"""Readings of a self-paced sensor that the agent has not taken yet; then the sensor must wait."""


@dataclass(frozen=True)
class Setting:
    """What a sensor is made of.

    Parameters
    ----------
    thing_name
        The device.
    options
        What the user gave as ``--option KEY=VALUE``.
    clock
        For the time of readings. It may not be set yet: say what it shows.
    """

    thing_name: str
    options: Mapping[str, str]
    clock: Clock

    def text(self, name: str, default: str | None = None) -> str:
        """An option.

        Raises
        ------
        SensorError
            It was not given and has no default.
        """
        value = self.options.get(name, default)
        if value is None:
            raise SensorError(f"the sensor needs --option {name}=…")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """An option that is a finite number; raises as `text`, and where it is none."""
        text = self.text(name, None if default is None else str(default))
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise SensorError(f"--option {name}: expected a number; got {text!r}")
        return value


def names() -> list[str]:
    """Sensors that are installed."""
    return sorted(point.name for point in entry_points(group=GROUP))


def open_sensor(name: str, setting: Setting) -> Sensor:
    """The sensor of that name.

    Raises
    ------
    SensorError
        There is none, it can't be loaded, or its options are not what it needs.
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
    except DeviceError:
        raise
    except Exception as error:  # a stranger's code: whatever it raises, say whose it is
        raise SensorError(f"sensor {name}: {type(error).__name__}: {error}") from error


def simulated(setting: Setting) -> Sensor:
    """A station of the made-up city. Options: site (harbour), seed (0)."""
    wanted = setting.text("site", SITES[0].station.name)
    for site in SITES:
        if site.station.name == wanted:
            return LiveSimulation(site, int(setting.number("seed", 0)), setting.clock.now)
    known = ", ".join(site.station.name for site in SITES)
    raise SensorError(f"no site {wanted!r}; there are: {known}")


@dataclass(frozen=True)
class Played:
    """A recording's values one after the other, as if measured now."""

    recording: Recording
    clock: Clock

    @property
    def station(self) -> Station:
        return self.recording.station

    def readings(self) -> Iterator[Reading]:
        """Until the recording ends."""
        for place, reading in enumerate(self.recording.readings()):
            yield Reading(place, self.clock.now(), reading.concentrations)


def played_csv(setting: Setting) -> Sensor:
    """Rows of a CSV file. Options: data (its folder), columns (uci-beijing), station (the first).

    The values are the file's, the time is now; ``lakecast device replay`` keeps the file's times.
    """
    columns = ColumnMap.named(setting.text("columns", "uci-beijing"))
    recordings = find_recordings(Path(setting.text("data")), columns)
    wanted = setting.text("station", recordings[0].station.name)
    for recording in recordings:
        if recording.station.name == wanted:
            return Played(recording, setting.clock)
    known = ", ".join(recording.station.name for recording in recordings)
    raise SensorError(f"no station {wanted!r}; there are: {known}")


@dataclass(frozen=True)
class JsonLines:
    """Readings from a pipe, a JSON object a line.

    Its keys are pollutants (µg/m³; null, or absent, is not measured) and, if the reading was not
    taken just now, ``timestamp`` (ISO 8601 with its offset). A line that can't be read is told on
    stderr and passed over.
    """

    station: Station
    lines: BinaryIO
    clock: Clock
    self_paced = True

    def readings(self) -> Iterator[Reading]:
        """Until the pipe is closed."""
        place = 0
        for number, line in enumerate(self.lines, start=1):
            if not line.strip():
                continue
            try:
                reading = self._reading(place, line)
            except (ValueError, TypeError) as error:
                print(f"lakecast device: line {number}: {error}", file=sys.stderr, flush=True)
                continue
            yield reading
            place += 1

    def _reading(self, place: int, line: bytes) -> Reading:
        body = json.loads(line)
        if not isinstance(body, dict):
            raise ValueError(f"expected a JSON object; got {body!r:.40}")  # noqa: TRY004
        taken_at = self.clock.now()
        if (text := body.pop("timestamp", None)) is not None:
            taken_at = datetime.fromisoformat(text)
            if taken_at.tzinfo is None:
                raise ValueError(f"timestamp: expected a time with its offset; got {text}")
        if unknown := sorted(set(body) - set(POLLUTANTS)):
            raise ValueError(f"expected {', '.join(POLLUTANTS)}; got {', '.join(unknown)}")
        for name, value in body.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (number and math.isfinite(value)):
                raise ValueError(f"{name}: expected a number or null; got {value!r:.40}")
        return Reading(place, taken_at, body)


def standard_input(setting: Setting) -> Sensor:
    """JSON lines on standard input. Options: longitude, latitude (degrees)."""
    station = Station(setting.thing_name, setting.number("longitude"), setting.number("latitude"))
    # A file of its own: sys.stdin would be locked by the thread that waits for it at the end.
    return JsonLines(station, os.fdopen(os.dup(0), "rb"), setting.clock)


def guarded(messages: Iterable[Message]) -> Iterator[Message]:
    """The same messages; whatever a sensor raises is a `SensorError`."""
    try:
        yield from messages
    except DeviceError:
        raise
    except Exception as error:
        raise SensorError(f"the sensor failed: {type(error).__name__}: {error}") from error


class Feed(Iterator[Message | None]):
    """Messages of a self-paced sensor, read by a thread of their own; None while there are none.

    Parameters
    ----------
    on_message
        Called, from that thread, when there is news.
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
        except DeviceError as error:  # it is raised where the agent asks
            end = error
        self._waiting.put(end)
        self._on_message()
