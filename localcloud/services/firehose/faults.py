"""Faults that Firehose can be told to have, so that what stands around it can be tried.

AWS promises at-least-once delivery: an object may come twice and late, and a put may be refused
for a while. Here that happens seldom by itself, so a file in the cloud's home folder,
``firehose-faults.json``, orders it::

    {"refuse": 0.05, "deliver_twice": 0.2, "delay_seconds": 5, "join_records": 0.1}

There is no API for it: only who owns the folder can order faults. They apply to every stream that
this cloud buffers, at once and after a restart, until the file is removed.
"""

from __future__ import annotations

import json
import logging
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path

logger = logging.getLogger("localcloud.services.firehose.service")

FILE = "firehose-faults.json"
GLANCE_SECONDS = 0.25  # between looks at the file


@dataclass(frozen=True)
class Faults:
    """What goes wrong, and how often.

    Parameters
    ----------
    refuse
        Share of records that are refused, as AWS refuses them when it is overloaded.
    deliver_twice
        Share of objects that are delivered a second time, under another name.
    delay_seconds
        Deliveries wait at random, up to so long.
    join_records
        Share of objects whose records follow each other without a newline.

    Raises
    ------
    ValueError
        Where a share is not between 0 and 1, or the delay is negative.
    """

    refuse: float = 0.0
    deliver_twice: float = 0.0
    delay_seconds: float = 0.0
    join_records: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            upper = float("inf") if name == "delay_seconds" else 1.0
            if not isinstance(value, int | float) or not 0 <= value <= upper:
                raise ValueError(f"{name} must be a number from 0 to {upper}; got {value!r}")

    def order(self, home: Path) -> None:
        """Have the cloud of a home folder show these faults."""
        draft = home / f"{FILE}.draft"
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(home / FILE)


class FaultSwitch:
    """The faults that are ordered at this moment, and the dice.

    Parameters
    ----------
    home
        The cloud's home folder.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._read_at = float("-inf")
        self._modified: int | None = None
        self._faults = Faults()
        self._dice = random.Random()  # noqa: S311 - dice, not keys

    @property
    def faults(self) -> Faults:
        """What the file says; what it said before where it can't be read now."""
        now = time.monotonic()
        if now - self._read_at >= GLANCE_SECONDS:
            self._read_at = now
            self._read()
        return self._faults

    def happens(self, share: float) -> bool:
        """Whether it goes wrong this time."""
        return share > 0 and self._dice.random() < share

    def delay(self) -> float:
        """Seconds to wait before a delivery."""
        longest = self.faults.delay_seconds
        return self._dice.uniform(0, longest) if longest else 0.0

    def _read(self) -> None:
        try:
            modified = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            self._modified, self._faults = None, Faults()
            return
        if modified == self._modified:
            return
        self._modified = modified
        try:
            self._faults = Faults(**json.loads(self._path.read_text()))
        except (ValueError, TypeError) as error:
            logger.error("%s: %s; what it said before stays in force", self._path, error)  # noqa: TRY400
        else:
            logger.warning("Firehose shows faults on order: %s", self._faults)
