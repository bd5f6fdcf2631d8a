"""Metrics that AWS's services publish by themselves, gathered here and given to CloudWatch.

AWS does so each minute. Here it is done more often, so that whoever tries something out need not
wait to see it. What was gathered since is lost when the process is killed.
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
    """Takes measurements from any thread; a service of the local cloud that has no API."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gathered: dict[Metric, _Statistics] = {}
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
        """Values by the metric's name, now."""
        with self._lock:
            for name, value in values.items():
                metric = (scope, namespace, name, tuple(dimensions.items()))
                self._gathered.setdefault(metric, _Statistics()).add(value)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._publish_for_ever())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self.publish()

    def publish(self) -> None:
        """Give all to CloudWatch."""
        with self._lock:
            gathered, self._gathered = self._gathered, {}
        for (scope, namespace, name, dimensions), statistics in gathered.items():
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

    async def _publish_for_ever(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            self.publish()


def _unit(name: str) -> str:
    """AWS's unit of the metrics that are measured here."""
    if name.endswith("Bytes"):
        return "Bytes"
    return "Seconds" if name.endswith("Freshness") else "Count"
