"""Several readings in one message, for links where a message costs more than its bytes.

``telemetry_batch.v1.schema.json`` in contracts describes such a message. It is made when it is
published: in the outbox every reading stands for itself, so that none is lost with another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from contracts.telemetry import MAX_PAYLOAD_BYTES
from device.outbox import Parcel

MAX_BYTES = MAX_PAYLOAD_BYTES - 1024
"""Of one batch. Brokers count the topic and the header too; the difference is left to them."""

MAX_READINGS = 400
"""Of one batch."""

_SHARED = ("schema_version", "device_id", "boot_id", "longitude", "latitude")
_REQUIRED = frozenset(("schema_version", "device_id", "boot_id", "sequence", "timestamp"))


@dataclass(frozen=True)
class Batching:
    """When a message is full.

    Parameters
    ----------
    readings
        How many it holds at most; 1 sends each reading in a message of its own.
    wait
        How long its first reading waits for others; None waits until it is full.

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
        Of its readings in the outbox, in their order.
    closed
        Whether no later reading can join it.
    """

    numbers: list[int]
    topic: str
    payload: bytes
    closed: bool


class _Open:
    """A batch that may grow."""

    def __init__(self, parcel: Parcel, shared: Mapping[str, Any] | None, reading: str) -> None:
        self.parcels = [parcel]
        self.shared = shared
        self._readings = [reading]
        self._head = json.dumps(shared, separators=(",", ":"))[:-1] if shared else ""
        self._bytes = len(self._payload())

    def takes(
        self, parcel: Parcel, shared: Mapping[str, Any] | None, reading: str, limit: int
    ) -> bool:
        """Add a reading that shares the topic and all of `_SHARED`, while there is room."""
        size = self._bytes + 1 + len(reading.encode())
        if (
            shared is None
            or (parcel.topic, shared) != (self.parcels[0].topic, self.shared)
            or len(self.parcels) >= limit
            or size > MAX_BYTES
        ):
            return False
        self.parcels.append(parcel)
        self._readings.append(reading)
        self._bytes = size
        return True

    def _payload(self) -> bytes:
        return f'{self._head},"readings":[{",".join(self._readings)}]}}'.encode()

    def batch(self, *, closed: bool) -> Batch:
        first = self.parcels[0]
        payload = first.payload if len(self.parcels) == 1 else self._payload()
        return Batch([parcel.number for parcel in self.parcels], first.topic, payload, closed)


def batches(parcels: Iterable[Parcel], limit: int) -> Iterator[Batch]:
    """Readings in batches of up to ``limit``, none reordered.

    Only neighbours of the same topic, boot and place share a batch. What is no reading (a device
    with a fault sends such things) travels alone and as it is, and so does a single reading.
    """
    if limit == 1:
        yield from (Batch([p.number], p.topic, p.payload, True) for p in parcels)
        return
    growing: _Open | None = None
    for parcel in parcels:
        shared, reading = _taken_apart(parcel.payload)
        if growing and growing.takes(parcel, shared, reading, limit):
            continue
        if growing:
            yield growing.batch(closed=True)
        growing = _Open(parcel, shared, reading)
    if growing:
        full = len(growing.parcels) == limit or growing.shared is None
        yield growing.batch(closed=full)


def _taken_apart(payload: bytes) -> tuple[dict[str, Any] | None, str]:
    """What a message shares with its neighbours, None where it is no reading; and the rest."""
    try:
        body = json.loads(payload)
        if not isinstance(body, dict) or not body.keys() >= _REQUIRED or "readings" in body:
            return None, ""
        shared = {key: body.pop(key) for key in _SHARED if key in body}
        return shared, json.dumps(body, separators=(",", ":"), allow_nan=False)
    except ValueError:  # no JSON; or a NaN, which JSON does not know
        return None, ""
