"""Readings of sensors, and the telemetry messages built from them.

A message's identity is ``(device_id, boot_id, sequence)``. A live agent generates a new boot_id at
each start and counts from 0. Every replay must give a reading the same identity, so that the lake
holds it only once: boot_id is derived from the replayed source, and sequence is the reading's
position in it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from contracts.messages.telemetry import POLLUTANTS, SCHEMA_VERSION
from device.clock import Clock, is_set

REPLAY_NAMESPACE = uuid.UUID("6a1f8c52-5f0e-4b7e-9d4c-2f3a70c1e9b5")
"""Namespace of the name-based UUIDs (RFC 9562, version 5) that identify replays."""


@dataclass(frozen=True)
class Station:
    """The location of a sensor; degrees, WGS 84.

    Parameters
    ----------
    thing_name
        Name of its IoT thing; None derives one from the station's name. It is no part of the text
        of a station, from which a replay's identity is derived.
    """

    name: str
    longitude: float
    latitude: float
    thing_name: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Reading:
    """One set of concentrations.

    Parameters
    ----------
    place
        Position since the start of the live sensor or of the recording: 0, 1, 2 … It becomes the
        message's ``sequence``.
    taken_at
        Time of the reading, with time zone.
    concentrations
        µg/m³ per pollutant of `contracts.messages.telemetry.POLLUTANTS`; None is not measured.
    time_is_given
        Whether the time comes with the reading, not from the station's clock. Such a time is kept
        whether the clock is set or not.
    """

    place: int
    taken_at: datetime
    concentrations: Mapping[str, float | None]
    time_is_given: bool = False


class Sensor(Protocol):
    """A source of readings; a live one is endless."""

    @property
    def station(self) -> Station:
        """Station of the sensor."""

    def readings(self) -> Iterator[Reading]:
        """Start to read."""


class Part(Sensor, Protocol):
    """A sensor that gives the same readings each time it is read."""

    @property
    def source(self) -> str:
        """Identity of the part: equal only if equal places have equal readings."""


class Recording(Sensor, Protocol):
    """A recorded station: one part, or several with an identity each, such as daily files."""

    @property
    def parts(self) -> Sequence[Part]:
        """The parts, in order."""

    @property
    def expected(self) -> int:
        """Approximate number of readings, to show progress."""

    @property
    def notes(self) -> Sequence[str]:
        """Lines about what could not be read."""


@dataclass(frozen=True)
class Message:
    """A message to publish: the payload, and the time of its reading for the agent's counts.

    Parameters
    ----------
    uptime
        Station's uptime at the reading if the clock was not set; None for a dated message.
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
        """Return a new, unique start for live readings."""
        return cls(device_id, uuid.uuid4())

    @classmethod
    def of_recording(cls, device_id: str, source: str) -> Boot:
        """Return the start that all replays of `source` by this device share."""
        return cls(device_id, uuid.uuid5(REPLAY_NAMESPACE, f"{device_id}\n{source}"))

    def message(self, station: Station, reading: Reading) -> Message:
        """Build the telemetry message of a reading.

        Raises
        ------
        ValueError
            A concentration is not finite: JSON has no NaN or infinity.
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
        """Build the messages of readings lazily."""
        return (self.message(station, reading) for reading in readings)

    def live_messages(
        self, station: Station, readings: Iterable[Reading], clock: Clock
    ) -> Iterator[Message]:
        """Build messages of live readings, whose clock may not be set yet."""
        for reading in readings:
            message = self.message(station, reading)
            if reading.time_is_given or is_set(reading.taken_at):
                yield message
            else:
                yield Message(message.payload, uptime=clock.uptime())


def dated(payload: bytes, moment: datetime) -> bytes:
    """Replace the time of an unset clock in a message by the correct time."""
    body = json.loads(payload) | {"timestamp": rfc3339(moment)}
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()


def rfc3339(moment: datetime) -> str:
    """Format a time in UTC with ``Z``, and with milliseconds only if it has any.

    Raises
    ------
    ValueError
        ``moment`` has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with its time zone; got {moment.isoformat()}")
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"
