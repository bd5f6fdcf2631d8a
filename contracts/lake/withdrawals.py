"""Withdrawals: readings that were sound and turned out to be wrong, and stay out of the lake.

A withdrawal is a JSON document ``<id>.json`` in `FOLDER` below the table of readings, written by
``lakecast lake withdraw``. Each run of ``telemetry_to_parquet`` applies those that are new: it
removes their readings from the table. Messages with such readings are quarantined whenever their
window is run again.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.messages.telemetry import THING_NAME, is_thing_name
from contracts.times import utc_time

FOLDER = "_withdrawn/"
"""Folder below the table of readings. Delta ignores names that begin with an underscore."""


@dataclass(frozen=True)
class Withdrawal:
    """Readings to take out of the lake.

    Parameters
    ----------
    device_id
        Device of the readings.
    start, end
        Times of the readings ``[start, end)``, with time zones.
    why
        Reason, for people.
    made
        When it was made.
    boot_id
        Start of the device; None for all readings in this time.

    Raises
    ------
    ValueError
        The device has no possible name, or the times are no range.
    """

    device_id: str
    start: datetime
    end: datetime
    why: str
    made: datetime
    boot_id: str | None = None

    def __post_init__(self) -> None:
        if not is_thing_name(self.device_id):
            raise ValueError(f"expected a device's name, {THING_NAME}; got {self.device_id!r}")
        if self.start >= self.end:
            raise ValueError(f"expected the start before the end; got {self.start} and {self.end}")

    @property
    def id(self) -> str:
        """Return an id that sorts by time."""
        digest = hashlib.sha256(self.to_json().encode()).hexdigest()
        return f"{self.made.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest[:8]}"

    @property
    def key(self) -> str:
        """Return the key of the document below the table of readings."""
        return key_of(self.id)

    def to_json(self) -> str:
        fields = {
            "device_id": self.device_id,
            "boot_id": self.boot_id,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "why": self.why,
            "made": self.made.isoformat(),
        }
        return json.dumps(fields, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Withdrawal:
        """Read a document.

        Raises
        ------
        ValueError
            It is no withdrawal; the message says what is expected.
        """
        try:
            found: dict[str, Any] = json.loads(text)
            return cls(
                device_id=str(found["device_id"]),
                start=utc_time(found["start"], "start"),
                end=utc_time(found["end"], "end"),
                why=str(found["why"]),
                made=utc_time(found["made"], "made"),
                boot_id=None if found["boot_id"] is None else str(found["boot_id"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(
                "expected a withdrawal with device_id, boot_id, start, end, why and made; "
                f"got {type(error).__name__}: {error}"
            ) from None


def key_of(id_: str) -> str:
    """Return the key of a withdrawal's document below the table of readings.

    Raises
    ------
    ValueError
        The text is no id: it might lead out of the folder.
    """
    if not re.fullmatch(r"[0-9TZ]+-[0-9a-f]{8}", id_):
        raise ValueError(f"expected an id such as 20260603T100000Z-1a2b3c4d; got {id_!r}")
    return f"{FOLDER}{id_}.json"
