"""Intervals and timeouts of the agent, and the schedule of its readings."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

MIN_DELAY = timedelta(milliseconds=250)
"""Shortest interval between two live readings."""

MAX_DELAY = timedelta(days=1)
"""Longest interval that the shadow may set: a mistake must not silence a station for months."""


@dataclass(frozen=True)
class Pace:
    """Intervals and timeouts of the agent.

    Parameters
    ----------
    delay
        Interval between two readings; None takes them as fast as the broker acknowledges.
    drain
        Time to wait for acknowledgements after the last reading or a stop.
    patience
        Maximum time without a session; None waits forever.
    heartbeat
        Interval between status reports; None sends none.
    self_paced
        Whether the sensor decides when there is a reading; the agent then takes each immediately.

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
    """The schedule of live readings, by the monotonic clock; the first one is due immediately."""

    def __init__(self, interval: timedelta) -> None:
        self.interval = interval
        self._last = time.monotonic() - interval.total_seconds()

    @property
    def due(self) -> float:
        """Time of the next reading; changes as soon as `interval` is set."""
        return self._last + self.interval.total_seconds()

    def taken(self, now: float) -> None:
        """Record that a reading was taken.

        A late reading does not shift the schedule; missed readings are not made up for.
        """
        self._last = max(self.due, now - self.interval.total_seconds())


def _ms(duration: timedelta) -> str:
    return f"{duration / timedelta(milliseconds=1):g}"
