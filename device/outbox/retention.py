"""How much may wait in the outbox, what goes where that is too much, and what has gone so far."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from device.clock import CLOCK_FLOOR


@dataclass(frozen=True)
class Limits:
    """How much may wait; beyond it the oldest messages are dropped.

    Parameters
    ----------
    max_bytes
        Of all payloads together. The file needs about a third more, and up to 4 MB of log.
    max_age
        Since a message was put in. What was put in while the clock was not set has no age.

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
        """What must go for its age, and what for the size, oldest first.

        Parameters
        ----------
        waiting
            Number, bytes and when it was put in (seconds since 1970) of each message, oldest first;
            read no further than needed.
        size
            Bytes of all that wait.
        now
            Seconds since 1970.
        spare
            Numbers that never go.
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
    """Messages that were dropped since the outbox was made.

    Parameters
    ----------
    age, size
        For the limits.
    undated
        Held, and then the station started anew: nobody knows when they were taken.
    """

    age: int = 0
    size: int = 0
    undated: int = 0

    @property
    def total(self) -> int:
        return self.age + self.size + self.undated
