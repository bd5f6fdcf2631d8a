"""Finds alarms that AWS refuses, and alarms on metrics that nothing publishes."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

Metric = tuple[str, str, frozenset[str]]
"""Namespace, name and the names of all dimensions of a metric."""

_DAY, _WEEK, _HOUR = 86_400, 604_800, 3_600


@cache
def published_by_aws() -> dict[Metric, str]:
    """Returns the metrics of `published.toml`, each with the page that documents it."""
    text = (Path(__file__).parent / "published.toml").read_text(encoding="utf-8")
    return {
        (one["namespace"], name, frozenset(one["dimensions"])): one["documentation"]
        for one in tomllib.loads(text)["published"]
        for name in one["metrics"]
    }


def metric_of(alarm: Mapping[str, Any]) -> Metric:
    """Returns the metric that an alarm watches."""
    return alarm["namespace"], alarm["metric_name"], frozenset(alarm.get("dimensions", {}))


def faults(alarm: Mapping[str, Any]) -> Iterator[str]:
    """Yields why PutMetricAlarm would refuse an alarm, by rules between its members.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    periods, period = alarm["evaluation_periods"], alarm["period"]
    total, most = periods * period, _DAY if period < _HOUR else _WEEK
    if total > most:
        yield f"evaluates {total} s; expected at most {most} s with periods of {period} s"
    breaching = alarm.get("datapoints_to_alarm", periods)
    if breaching > periods:
        yield f"expected at most {periods} datapoints_to_alarm; got {breaching}"
    if ("statistic" in alarm) == ("extended_statistic" in alarm):
        yield "expected either statistic or extended_statistic"
