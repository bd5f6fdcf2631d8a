"""Log of the function: one JSON object per line, metrics in CloudWatch's embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, TextIO

UNITS = {"requests": "Count", "server_errors": "Count", "latency": "Milliseconds"}
"""Metrics of every API, with their units in CloudWatch."""


class Log:
    """Log whose lines CloudWatch Logs Insights can query by field.

    Parameters
    ----------
    stream
        Destination of the lines; a Lambda function's standard output goes to its log group.
    environment
        Dimension of the metrics.
    namespace
        CloudWatch namespace of the metrics.
    units
        Metrics specific to this API, with their units.
    """

    def __init__(
        self, stream: TextIO, environment: str, namespace: str, units: Mapping[str, str]
    ) -> None:
        self._stream = stream
        self._environment = environment
        self._namespace = namespace
        self._units = {**UNITS, **units}

    def write(self, level: str, message: str, **fields: Any) -> None:
        """Write one line. Fields never contain bodies, keys or other headers of a request."""
        self._line({"level": level, "message": message, **fields})

    def measured(self, operation: str, metrics: Mapping[str, float], **fields: Any) -> None:
        """Write one line whose ``metrics`` CloudWatch aggregates by environment and operation."""
        definitions = [{"Name": name, "Unit": self._units[name]} for name in metrics]
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [["environment", "operation"]],
            "Metrics": definitions,
        }
        self._line(
            {
                "_aws": {
                    "Timestamp": int(time.time() * 1000),
                    "CloudWatchMetrics": [directive],
                },
                "level": "INFO",
                "message": "answered",
                "operation": operation,
                **fields,
                **metrics,
            }
        )

    def _line(self, document: dict[str, Any]) -> None:
        line = json.dumps(
            {"environment": self._environment, **document}, default=str, allow_nan=False
        )
        self._stream.write(f"{line}\n")
        self._stream.flush()
