"""Collects the metrics that AWS services publish by themselves, and sends them to CloudWatch.

AWS publishes them every minute. The local cloud does so more often, so that users see results
without waiting. Values collected since the last publication are lost if the process is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from localcloud.cloud.aws_api import Handler

INTERVAL = 5.0  # seconds

Scope = tuple[str, str]  # account and region
Metric = tuple[Scope, str, str, tuple[tuple[str, str], ...]]  # namespace, name, dimensions


@dataclass
class _Statistics:
    """A CloudWatch statistic set."""

    count: int = 0
    total: float = 0.0
    smallest: float = float("inf")
    largest: float = float("-inf")

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.smallest = min(self.smallest, value)
        self.largest = max(self.largest, value)

    def document(self) -> dict[str, float]:
        return {
            "SampleCount": float(self.count),
            "Sum": self.total,
            "Minimum": self.smallest,
            "Maximum": self.largest,
        }


class Meter:
    """Service without an API that accepts metric values from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._collected: dict[Metric, _Statistics] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {}

    def measure(
        self,
        scope: Scope,
        namespace: str,
        dimensions: Mapping[str, str],
        values: Mapping[str, float],
    ) -> None:
        """Adds values, by metric name, with the current time."""
        with self._lock:
            for name, value in values.items():
                metric = (scope, namespace, name, tuple(dimensions.items()))
                self._collected.setdefault(metric, _Statistics()).add(value)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._publish_periodically())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self.publish()

    def publish(self) -> None:
        """Sends all collected values to CloudWatch."""
        with self._lock:
            collected, self._collected = self._collected, {}
        for (scope, namespace, name, dimensions), statistics in collected.items():
            with request_scope(*scope):
                cloudwatch._store_datum(
                    namespace,
                    name,
                    dict(dimensions),
                    time.time(),
                    _unit(name),
                    value=None,
                    values=None,
                    counts=None,
                    stat_values=statistics.document(),
                )

    async def _publish_periodically(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            self.publish()


def _unit(name: str) -> str:
    """Returns the unit that AWS uses for a metric."""
    if name.endswith("Bytes"):
        return "Bytes"
    return "Seconds" if name.endswith("Freshness") else "Count"
