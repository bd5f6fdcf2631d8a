"""The station's clock, which may not be set yet.

A station without a battery-backed clock starts in 1970, or at the time of its last shutdown, until
it has reached a time server. Readings taken before are stored with the uptime and dated once the
clock is set, if the station has not been restarted in between.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

CLOCK_FLOOR = datetime(2026, 1, 1, tzinfo=UTC)
"""Start of the year of this package: a clock that shows an earlier time was never set."""

_KERNEL_START = Path("/proc/sys/kernel/random/boot_id")


def is_set(moment: datetime) -> bool:
    """Return whether a clock that shows this time is set."""
    return moment >= CLOCK_FLOOR


class Clock(Protocol):
    """A source of the current time and the uptime."""

    @property
    def start(self) -> str:
        """Id of the kernel's start; uptimes of different starts are not comparable."""

    def now(self) -> datetime:
        """Return the time in UTC."""

    def uptime(self) -> float:
        """Return seconds since the kernel's start; setting the clock does not change them."""


def _kernel_start() -> str:
    try:
        return _KERNEL_START.read_text(encoding="ascii").strip()
    except OSError:  # not Linux: uptimes are comparable only within this process
        return str(uuid.uuid4())


@dataclass(frozen=True)
class SystemClock:
    """The machine's clock."""

    start: str = field(default_factory=_kernel_start)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def uptime(self) -> float:
        """Return the uptime; on Linux, it includes the time in suspend."""
        boottime = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        return time.clock_gettime(boottime)
