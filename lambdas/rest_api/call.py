"""One call of an API while it is processed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True)
class Call:
    """A call's identity, time and measures.

    Parameters
    ----------
    request_id
        Identifies the call in the log, in the records and to the caller.
    measures
        Metrics for the API's log, added during processing.
    """

    request_id: str
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.perf_counter)
    measures: dict[str, float] = field(default_factory=dict)

    def milliseconds(self) -> float:
        """Return the time since the call arrived."""
        return (time.perf_counter() - self.started) * 1000
