"""What a sensor gives, and the telemetry message that is made of it.

A message's identity is ``(device_id, boot_id, sequence)``. A live agent draws a new boot_id each
time it starts and counts from 0. A replay must give the same reading the same identity however
often it is run, or the lake would hold it several times: there, boot_id is derived from what is
replayed and sequence is the reading's place in it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from contracts.messages.telemetry import POLLUTANTS, SCHEMA_VERSION
from device.clock import Clock, is_set

REPLAY_NAMESPACE = uuid.UUID("6a1f8c52-5f0e-4b7e-9d4c-2f3a70c1e9b5")
"""Namespace of the name-based UUIDs (RFC 9562, version 5) that identify replays."""


@dataclass(frozen=True)
class Station:
    """Where a sensor stands; degrees, WGS 84."""

    name: str
    longitude: float
    latitude: float


@dataclass(frozen=True)
class Reading:
    """One set of concentrations.

    Parameters
    ----------
    place
        Its place in what the sensor gives: 0, 1, 2 … since the start of a live sensor or of a
        recording. It becomes the message's ``sequence``.
    taken_at
        With time zone.
    concentrations
        µg/m³ per pollutant, one of `contracts.messages.telemetry.POLLUTANTS`; None is not
        measured.
    """

    place: int
    taken_at: datetime
    concentrations: Mapping[str, float | None]


class Sensor(Protocol):
    """Gives readings, one after the other; a live one for ever."""

    @property
    def station(self) -> Station:
        """Where it stands."""

    def readings(self) -> Iterator[Reading]:
        """Begin to read."""


class Recording(Sensor, Protocol):
    """A sensor that gives the same readings again whenever it is asked."""

    @property
    def source(self) -> str:
        """What is replayed. Equal for two recordings only when equal places hold equal readings."""

    @property
    def expected(self) -> int:
        """About how many readings will come, for showing progress."""


@dataclass(frozen=True)
class Message:
    """What is published: the payload, and for the books when its reading was taken.

    Parameters
    ----------
    uptime
        Where the clock was not set when it was taken, the station's uptime instead; None is dated.
    """

    payload: bytes
    taken_at: datetime | None = None
    uptime: float | None = None


@dataclass(frozen=True)
class Boot:
    """One start of the agent of one device."""

    device_id: str
    boot_id: uuid.UUID

    @classmethod
    def new(cls, device_id: str) -> Boot:
        """A start like no other, for live readings."""
        return cls(device_id, uuid.uuid4())

    @classmethod
    def of_recording(cls, device_id: str, source: str) -> Boot:
        """The one start that stands for every replay of `source` by this device."""
        return cls(device_id, uuid.uuid5(REPLAY_NAMESPACE, f"{device_id}\n{source}"))

    def message(self, station: Station, reading: Reading) -> Message:
        """The telemetry message of a reading.

        Raises
        ------
        ValueError
            A concentration is not a finite number: JSON knows no NaN and no infinity.
        """
        body: dict[str, object] = {
            "schema_version": SCHEMA_VERSION,
            "device_id": self.device_id,
            "boot_id": str(self.boot_id),
            "sequence": reading.place,
            "timestamp": rfc3339(reading.taken_at),
        }
        body.update({name: reading.concentrations.get(name) for name in POLLUTANTS})
        body["longitude"] = station.longitude
        body["latitude"] = station.latitude
        payload = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
        return Message(payload, reading.taken_at)

    def messages(self, station: Station, readings: Iterable[Reading]) -> Iterator[Message]:
        """Messages of readings, made as they are asked for."""
        return (self.message(station, reading) for reading in readings)

    def live_messages(
        self, station: Station, readings: Iterable[Reading], clock: Clock
    ) -> Iterator[Message]:
        """Messages of readings that are being taken, by a clock that may not be set yet."""
        for reading in readings:
            message = self.message(station, reading)
            if is_set(reading.taken_at):
                yield message
            else:
                yield Message(message.payload, uptime=clock.uptime())


def dated(payload: bytes, moment: datetime) -> bytes:
    """A message with its true time in place of what an unset clock showed."""
    body = json.loads(payload) | {"timestamp": rfc3339(moment)}
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()


def rfc3339(moment: datetime) -> str:
    """UTC with a ``Z``; milliseconds only where there are any.

    Raises
    ------
    ValueError
        ``moment`` has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with its time zone; got {moment.isoformat()}")
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"
