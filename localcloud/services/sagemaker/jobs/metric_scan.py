"""Extracts metrics from a training job's log by its metric definitions."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.services.sagemaker.refusals import validation


class MetricScan:
    """Scanner of log lines that keeps the last value of each metric.

    Parameters
    ----------
    definitions
        Mappings ``{"Name": …, "Regex": …}``; the first group of the expression is the value.

    Raises
    ------
    AwsError
        If an expression does not compile or has no group.
    """

    def __init__(self, definitions: Iterable[Mapping[str, str]]) -> None:
        self._expressions = [(item["Name"], _compiled(item)) for item in definitions]
        self._last: dict[str, tuple[float, float]] = {}

    def read(self, line: str) -> list[tuple[str, float]]:
        """Returns the names and values of the metrics in a line."""
        found = []
        for name, expression in self._expressions:
            match = expression.search(line)
            value = _number(match.group(1)) if match else None
            if value is not None:
                found.append((name, value))
                self._last[name] = (value, time.time())
        return found

    def final(self) -> list[dict[str, Any]]:
        """Returns DescribeTrainingJob's FinalMetricDataList."""
        return [
            {"MetricName": name, "Value": value, "Timestamp": moment}
            for name, (value, moment) in self._last.items()
        ]


def _compiled(definition: Mapping[str, str]) -> re.Pattern[str]:
    try:
        expression = re.compile(definition["Regex"])
    except re.error as error:
        raise validation(
            f"Invalid regex {definition['Regex']!r} of metric {definition['Name']}: {error}"
        ) from None
    if expression.groups < 1:
        raise validation(
            f"The regex {definition['Regex']!r} of metric {definition['Name']} must have a "
            "capturing group around the value."
        )
    return expression


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None  # JSON has no NaN
