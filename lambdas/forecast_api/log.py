"""The function's log: a JSON object a line, metrics in CloudWatch's embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, TextIO

NAMESPACE = "Lakecast/ForecastApi"

UNITS = {
    "requests": "Count",
    "forecasts": "Count",
    "server_errors": "Count",
    "interactions_lost": "Count",
    "latency": "Milliseconds",
    "endpoint_latency": "Milliseconds",
}
"""Every metric, with its unit in CloudWatch."""


class Log:
    """Writes lines that CloudWatch Logs Insights can query by field.

    Parameters
    ----------
    stream
        Where lines go; a Lambda function's standard output goes to its log group.
    environment
        Dimension of the metrics.
    """

    def __init__(self, stream: TextIO, environment: str) -> None:
        self._stream = stream
        self._environment = environment

    def write(self, level: str, message: str, **fields: Any) -> None:
        """Write one line. Fields never hold bodies, keys or other headers of a request."""
        self._line({"level": level, "message": message, **fields})

    def measured(self, operation: str, metrics: Mapping[str, float], **fields: Any) -> None:
        """Write one line whose ``metrics`` CloudWatch counts by environment and operation."""
        definitions = [{"Name": name, "Unit": UNITS[name]} for name in metrics]
        directive = {
            "Namespace": NAMESPACE,
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
        line = json.dumps({"environment": self._environment, **document}, default=str)
        self._stream.write(f"{line}\n")
        self._stream.flush()
