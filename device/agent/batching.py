"""Combines several readings into one message, for links with a high cost per message.

``telemetry_batch.v1.schema.json`` in contracts describes the message. It is built when it is
published: the outbox stores every reading separately, so that none is lost with another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from contracts.messages.telemetry import MAX_PAYLOAD_BYTES
from device.outbox.store import Parcel

MAX_READINGS = 400
"""Maximum number of readings in one batch."""

_SHARED = ("schema_version", "device_id", "boot_id", "longitude", "latitude")
_REQUIRED = frozenset(("schema_version", "device_id", "boot_id", "sequence", "timestamp"))


@dataclass(frozen=True)
class Batching:
    """Limits at which a batch is published.

    Parameters
    ----------
    readings
        Maximum number of readings; 1 sends each reading in its own message.
    wait
        Maximum time that the first reading waits for others; None waits until the batch is full.

    Raises
    ------
    ValueError
        ``readings`` is not 1 to `MAX_READINGS`, or ``wait`` is negative.
    """

    readings: int = 1
    wait: timedelta | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.readings <= MAX_READINGS:
            raise ValueError(f"a batch holds 1 to {MAX_READINGS} readings; got {self.readings}")
        if self.wait is not None and self.wait < timedelta(0):
            raise ValueError(f"a batch can't wait for {self.wait}")


class Batch(NamedTuple):
    """A message of one or several readings.

    Parameters
    ----------
    numbers
        Numbers of its readings in the outbox, in order.
    closed
        Whether no more readings can be added.
    """

    numbers: list[int]
    topic: str
    payload: bytes
    closed: bool


class _Part(NamedTuple):
    """A parsed message: fields that a batch shares (None if it is not a reading), and the rest."""

    parcel: Parcel
    shared: dict[str, Any] | None
    rest: str


class _Open:
    """A batch that readings can be added to."""

    def __init__(self, first: _Part) -> None:
        self._parts = [first]
        self._head = json.dumps(first.shared or {}, separators=(",", ":"), allow_nan=False)[:-1]
        self._bytes = len(self._payload())

    def __len__(self) -> int:
        return len(self._parts)

    def add(self, part: _Part, limit: int) -> bool:
        """Add a reading with the same topic and `_SHARED` fields; False if it does not fit."""
        first = self._parts[0]
        size = self._bytes + 1 + len(part.rest.encode())
        if (
            part.shared is None
            or (part.parcel.topic, part.shared) != (first.parcel.topic, first.shared)
            or len(self) >= limit
            or size > MAX_PAYLOAD_BYTES
        ):
            return False
        self._parts.append(part)
        self._bytes = size
        return True

    def batch(self, *, closed: bool) -> Batch:
        """Build the message; ``closed`` if the next reading does not fit, or for a non-reading."""
        first = self._parts[0]
        numbers = [part.parcel.number for part in self._parts]
        payload = first.parcel.payload if len(self) == 1 else self._payload()
        return Batch(numbers, first.parcel.topic, payload, closed or first.shared is None)

    def _payload(self) -> bytes:
        return f'{self._head},"readings":[{",".join(part.rest for part in self._parts)}]}}'.encode()


def batches(parcels: Iterable[Parcel], limit: int) -> Iterator[Batch]:
    """Combine readings into batches of up to ``limit``, in order.

    Only consecutive readings of the same topic, boot and location share a batch. A message that is
    not a reading (a faulty device may send one) is sent alone and unchanged, and so is a single
    reading.
    """
    if limit == 1:
        yield from (Batch([p.number], p.topic, p.payload, True) for p in parcels)
        return
    growing: _Open | None = None
    for parcel in parcels:
        part = _parsed(parcel)
        if growing and growing.add(part, limit):
            continue
        if growing:
            yield growing.batch(closed=True)
        growing = _Open(part)
    if growing:
        yield growing.batch(closed=len(growing) == limit)


def _parsed(parcel: Parcel) -> _Part:
    try:
        body = json.loads(parcel.payload)
        if not isinstance(body, dict) or not body.keys() >= _REQUIRED or "readings" in body:
            return _Part(parcel, None, "")
        shared = {key: body.pop(key) for key in _SHARED if key in body}
        rest = json.dumps(body, separators=(",", ":"), allow_nan=False)
    except ValueError:  # not JSON, or a NaN, which JSON does not allow
        return _Part(parcel, None, "")
    return _Part(parcel, shared, rest)
