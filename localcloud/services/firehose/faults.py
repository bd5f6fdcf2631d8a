"""Injects faults into Firehose, to test its producers and consumers.

AWS guarantees at-least-once delivery: an object can be delivered twice or late, and a put can be
refused temporarily. In the local cloud this is rare, so the file ``firehose-faults.json`` in the
home folder requests it::

    {"refuse": 0.05, "deliver_twice": 0.2, "delay_seconds": 5, "join_records": 0.1}

There is no API for it, so only the owner of the folder can inject faults. They apply to every
stream that the local cloud buffers, at once and after a restart, until the file is removed.
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
CHECK_SECONDS = 0.25  # between checks of the file


@dataclass(frozen=True)
class Faults:
    """Kinds of faults and their frequency.

    Parameters
    ----------
    refuse
        Share of records that are refused, as by AWS under overload.
    deliver_twice
        Share of objects that are delivered again under another name.
    delay_seconds
        Maximum of the random delay of deliveries.
    join_records
        Share of objects whose records are not separated by a newline.

    Raises
    ------
    ValueError
        If a share is not between 0 and 1, or the delay is negative.
    """

    refuse: float = 0.0
    deliver_twice: float = 0.0
    delay_seconds: float = 0.0
    join_records: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            upper = float("inf") if name == "delay_seconds" else 1.0
            if not isinstance(value, int | float) or not 0 <= value <= upper:
                raise ValueError(f"expected {name} as a number from 0 to {upper}; got {value!r}")

    def order(self, home: Path) -> None:
        """Requests these faults from the cloud of a home folder."""
        draft = home / f"{FILE}.draft"
        draft.write_text(json.dumps(asdict(self), allow_nan=False))
        draft.replace(home / FILE)


class FaultSwitch:
    """The faults requested at this moment, and random decisions about them.

    Parameters
    ----------
    home
        Home folder of the cloud.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._read_at = float("-inf")
        self._modified: int | None = None
        self._faults = Faults()
        self._random = random.Random()  # noqa: S311 - not for cryptography

    @property
    def faults(self) -> Faults:
        """Faults in the file; if it is invalid, the last valid ones."""
        now = time.monotonic()
        if now - self._read_at >= CHECK_SECONDS:
            self._read_at = now
            self._read()
        return self._faults

    def happens(self, share: float) -> bool:
        """Decides at random whether a fault occurs."""
        return share > 0 and self._random.random() < share

    def delay(self) -> float:
        """Returns the seconds to wait before a delivery."""
        longest = self.faults.delay_seconds
        return self._random.uniform(0, longest) if longest else 0.0

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
            logger.error("%s: %s; the previous faults stay in force", self._path, error)  # noqa: TRY400
        else:
            logger.warning("Firehose injects faults: %s", self._faults)
