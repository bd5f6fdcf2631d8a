"""The station's clock, which may not be set yet.

A station without a battery-backed clock starts in 1970, or at its last shutdown's time, until it
has reached a time server. What it measures until then is kept with the time since the kernel
started, and dated once the clock is set: that works as long as it is the same start.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

CLOCK_FLOOR = datetime(2026, 1, 1, tzinfo=UTC)
"""The year of this package: a clock that shows less was never set."""

_KERNEL_START = Path("/proc/sys/kernel/random/boot_id")


def is_set(moment: datetime) -> bool:
    """Whether a clock that shows this can be believed."""
    return moment >= CLOCK_FLOOR


class Clock(Protocol):
    """What the agent asks about time."""

    @property
    def start(self) -> str:
        """Which start of the kernel this is; uptimes of different starts can't be compared."""

    def now(self) -> datetime:
        """The time, in UTC."""

    def uptime(self) -> float:
        """Seconds since that start; setting the clock does not change it."""


def _kernel_start() -> str:
    try:
        return _KERNEL_START.read_text(encoding="ascii").strip()
    except OSError:  # not Linux: then only this process knows its own uptimes
        return str(uuid.uuid4())


@dataclass(frozen=True)
class SystemClock:
    """The machine's own."""

    start: str = field(default_factory=_kernel_start)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def uptime(self) -> float:
        """On Linux with the time in which the station slept."""
        boottime = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        return time.clock_gettime(boottime)
