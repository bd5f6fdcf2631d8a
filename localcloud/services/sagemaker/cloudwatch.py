"""Sends logs and metrics to CloudWatch in batches from a background thread."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from ministack.core.responses import request_scope

from localcloud.services.cloudwatch import operations
from localcloud.services.sagemaker.account import Account

logger = logging.getLogger(__name__)

_EVENTS_PER_CALL = 5_000  # AWS accepts 10,000 events or 1 MiB per call
_CHARACTERS_PER_LINE = 16_000
_METRICS_PER_CALL = 150
_VALUES_PER_METRIC = 150
_FLUSHES_PER_METRIC_BATCH = 5

Stream = tuple[str, str]
Metric = tuple[str, str, str, tuple[tuple[str, str], ...]]


class Telemetry:
    """Buffer of log lines and metric values.

    If CloudWatch refuses a batch, the server's log says so and the batch is dropped: telemetry must
    not make a job fail.

    Parameters
    ----------
    interval
        Seconds between batches of logs; metrics are sent every fifth time.
    """

    def __init__(self, account: Account, interval: float) -> None:
        self._account = account
        self._interval = interval
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._lines: dict[Stream, list[dict[str, Any]]] = defaultdict(list)
        self._values: dict[Metric, Counter[float]] = defaultdict(Counter)
        self._streams: set[Stream] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sagemaker-telemetry", daemon=True)

    def start(self) -> None:
        """Starts sending."""
        self._thread.start()

    def stop(self) -> None:
        """Sends everything that is buffered and stops."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self.flush()
        self._send_metrics()

    def log(self, group: str, stream: str, line: str) -> None:
        """Buffers a line of a container's output with the current time."""
        event = {
            "timestamp": int(time.time() * 1000),
            "message": line[:_CHARACTERS_PER_LINE] or " ",
        }
        with self._lock:
            self._lines[(group, stream)].append(event)

    def measure(
        self,
        namespace: str,
        name: str,
        value: float,
        unit: str,
        dimensions: Mapping[str, str],
    ) -> None:
        """Buffers a metric value."""
        key = (namespace, name, unit, tuple(dimensions.items()))
        with self._lock:
            self._values[key][value] += 1

    def flush(self) -> None:
        """Sends all buffered log lines before returning."""
        with self._sending:
            with self._lock:
                lines, self._lines = self._lines, defaultdict(list)
            for (group, stream), events in lines.items():
                for start in range(0, len(events), _EVENTS_PER_CALL):
                    self._put_events(group, stream, events[start : start + _EVENTS_PER_CALL])

    def _run(self) -> None:
        turn = 0
        while not self._stopped.wait(self._interval):
            turn += 1
            self.flush()
            if turn % _FLUSHES_PER_METRIC_BATCH == 0:
                self._send_metrics()

    def _put_events(self, group: str, stream: str, events: list[dict[str, Any]]) -> None:
        logs = self._account.client("logs")
        try:
            if (group, stream) not in self._streams:
                for create, names in (
                    (logs.create_log_group, {"logGroupName": group}),
                    (logs.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
                ):
                    try:
                        create(**names)
                    except logs.exceptions.ResourceAlreadyExistsException:
                        continue
                self._streams.add((group, stream))
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
        except (ClientError, BotoCoreError):
            self._streams.discard((group, stream))
            logger.exception("%d log lines of %s %s were lost", len(events), group, stream)

    def _send_metrics(self) -> None:
        with self._lock:
            values, self._values = self._values, defaultdict(Counter)
        by_namespace: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for (namespace, name, unit, dimensions), measured in values.items():
            pairs = list(measured.items())
            for start in range(0, len(pairs), _VALUES_PER_METRIC):
                batch = pairs[start : start + _VALUES_PER_METRIC]
                by_namespace[namespace].append(
                    {
                        "MetricName": name,
                        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
                        "Timestamp": time.time(),
                        "Values": [value for value, _ in batch],
                        "Counts": [float(count) for _, count in batch],
                        "Unit": unit,
                    }
                )
        context = self._account.context
        for namespace, data in by_namespace.items():
            for start in range(0, len(data), _METRICS_PER_CALL):
                metrics = data[start : start + _METRICS_PER_CALL]
                with request_scope(context.account_id, context.region):
                    operations.store(namespace, metrics)
