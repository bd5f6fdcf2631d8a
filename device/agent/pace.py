"""How fast the agent takes readings, how long it waits, and when the next reading is due."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

MIN_DELAY = timedelta(milliseconds=250)
"""Shortest time between two live readings."""

MAX_DELAY = timedelta(days=1)
"""Longest that may be asked for from afar: a slip there must not silence a station for months."""


@dataclass(frozen=True)
class Pace:
    """How fast, and with how much patience.

    Parameters
    ----------
    delay
        Between two readings; None is as fast as the broker acknowledges.
    drain
        How long after the last reading, or after being told to stop, to wait for acknowledgements.
        None waits as long as the connection stands.
    patience
        How long to go without a session; None is for ever.
    heartbeat
        How often to report how the device is; None is never.
    self_paced
        Whether the sensor decides when there is a reading; the agent then takes each at once.

    Raises
    ------
    ValueError
        ``delay`` is shorter than `MIN_DELAY`.
    """

    delay: timedelta | None = None
    drain: timedelta = timedelta(seconds=10)
    patience: timedelta | None = None
    heartbeat: timedelta | None = None
    self_paced: bool = False

    def __post_init__(self) -> None:
        if self.delay is not None and self.delay < MIN_DELAY:
            raise ValueError(
                f"the delay between readings must be at least {_ms(MIN_DELAY)} ms; "
                f"got {_ms(self.delay)} ms"
            )


class Rhythm:
    """When the next live reading is due, by the monotonic clock; the first one is at once."""

    def __init__(self, interval: timedelta) -> None:
        self.interval = interval
        self._last = time.monotonic() - interval.total_seconds()

    @property
    def due(self) -> float:
        """Moves at once when `interval` is set."""
        return self._last + self.interval.total_seconds()

    def taken(self, now: float) -> None:
        """A reading was taken. One that comes late is followed by the next at its own time, but
        those that were missed are not made up for."""
        self._last = max(self.due, now - self.interval.total_seconds())


def _ms(duration: timedelta) -> str:
    return f"{duration / timedelta(milliseconds=1):g}"
