"""Limits of the outbox, the messages to drop beyond them, and the counts of dropped messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from device.clock import CLOCK_FLOOR


@dataclass(frozen=True)
class Limits:
    """Limits of the outbox; beyond them, the oldest messages are dropped.

    Parameters
    ----------
    max_bytes
        Maximum size of all payloads. The file needs about a third more, and up to 4 MB of log.
    max_age
        Maximum time since a message was added. Messages added while the clock was not set have no
        age.

    Raises
    ------
    ValueError
        A limit is not positive.
    """

    max_bytes: int = 256 * 1024 * 1024
    max_age: timedelta = timedelta(days=30)

    def __post_init__(self) -> None:
        if self.max_bytes <= 0 or self.max_age <= timedelta(0):
            raise ValueError(f"limits of the outbox must be positive; got {self}")

    def beyond(
        self,
        waiting: Iterable[tuple[int, int, float]],
        size: int,
        now: float,
        spare: Collection[int],
    ) -> tuple[list[int], list[int]]:
        """Return the messages to drop for their age, and those for the size, oldest first.

        Parameters
        ----------
        waiting
            Number, bytes and time of addition (seconds since 1970) of each message, oldest first;
            consumed only as far as needed.
        size
            Bytes of all messages.
        now
            Seconds since 1970.
        spare
            Numbers of messages that are never dropped.
        """
        expired: list[int] = []
        surplus: list[int] = []
        excess, kept = size - self.max_bytes, set(spare)
        floor, before = CLOCK_FLOOR.timestamp(), now - self.max_age.total_seconds()
        for number, bytes_, put_at in waiting:
            too_old = floor <= put_at < before
            if number in kept:
                continue
            if not too_old and excess <= 0:
                break
            (expired if too_old else surplus).append(number)
            excess -= bytes_
        return expired, surplus


@dataclass(frozen=True)
class Drops:
    """Numbers of messages dropped since the outbox was created.

    Parameters
    ----------
    age, size
        Messages beyond the limits.
    undated
        Messages held for a date when the station restarted, so that their time is unknown.
    """

    age: int = 0
    size: int = 0
    undated: int = 0

    @property
    def total(self) -> int:
        return self.age + self.size + self.undated
