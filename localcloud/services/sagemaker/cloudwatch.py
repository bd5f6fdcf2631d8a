"""Logs and metrics to CloudWatch, in batches from one background thread."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.services.sagemaker.account import Account

logger = logging.getLogger(__name__)

_EVENTS_A_CALL = 5_000  # AWS takes 10,000 events or 1 MiB a call
_CHARACTERS_A_LINE = 16_000
_METRICS_A_CALL = 150
_VALUES_A_METRIC = 150
_FLUSHES_A_METRIC_BATCH = 5

Stream = tuple[str, str]
Metric = tuple[str, str, str, tuple[tuple[str, str], ...]]


class Telemetry:
    """Takes log lines and measurements at once and sends them a little later.

    What CloudWatch refuses is reported in the server's log and dropped: telemetry must not fail
    what it tells about.

    Parameters
    ----------
    interval
        Seconds between batches of logs; metrics go every fifth time.
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
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send what is left."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self.flush()
        self._send_metrics()

    def log(self, group: str, stream: str, line: str) -> None:
        """A line of a container's output, now."""
        event = {"timestamp": int(time.time() * 1000), "message": line[:_CHARACTERS_A_LINE] or " "}
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
        """A value of a metric, now."""
        key = (namespace, name, unit, tuple(dimensions.items()))
        with self._lock:
            self._values[key][value] += 1

    def flush(self) -> None:
        """Send all log lines taken so far before returning."""
        with self._sending:
            with self._lock:
                lines, self._lines = self._lines, defaultdict(list)
            for (group, stream), events in lines.items():
                for start in range(0, len(events), _EVENTS_A_CALL):
                    self._put_events(group, stream, events[start : start + _EVENTS_A_CALL])

    def _run(self) -> None:
        turn = 0
        while not self._stopped.wait(self._interval):
            turn += 1
            self.flush()
            if turn % _FLUSHES_A_METRIC_BATCH == 0:
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
            for start in range(0, len(pairs), _VALUES_A_METRIC):
                some = pairs[start : start + _VALUES_A_METRIC]
                by_namespace[namespace].append(
                    {
                        "MetricName": name,
                        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
                        "Timestamp": time.time(),
                        "Values": [value for value, _ in some],
                        "Counts": [float(count) for _, count in some],
                        "Unit": unit,
                    }
                )
        for namespace, data in by_namespace.items():
            for start in range(0, len(data), _METRICS_A_CALL):
                batch = data[start : start + _METRICS_A_CALL]
                try:
                    self._account.client("cloudwatch").put_metric_data(
                        Namespace=namespace, MetricData=batch
                    )
                except (ClientError, BotoCoreError):
                    logger.exception("%d metrics of %s were lost", len(batch), namespace)
