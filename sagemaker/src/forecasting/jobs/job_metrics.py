"""Reads a training job's metrics from its log: each value with its step and time."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forecasting.jobs.training import LOG_GROUP


@dataclass(frozen=True)
class Measurement:
    """A value of a metric.

    Parameters
    ----------
    step
        Position among the metric's values, from 0; the epoch, if there is one value per epoch.
        at
            Time, in milliseconds since 1970.
    """

    metric: str
    value: float
    step: int
    at: int


def measurements(
    logged: Iterable[tuple[int, str]], definitions: Iterable[Mapping[str, str]]
) -> list[Measurement]:
    """Returns the values that a job's metric definitions match in its log.

    Parameters
    ----------
    logged
        Time in milliseconds and text of each line.
    """
    expressions = [(one["Name"], re.compile(one["Regex"])) for one in definitions]
    counts: dict[str, Iterator[int]] = defaultdict(itertools.count)
    found = []
    for at, line in logged:
        for name, expression in expressions:
            match = expression.search(line)
            value = number(match.group(1)) if match else None
            if value is not None:
                found.append(Measurement(name, value, next(counts[name]), at))
    return found


def lines(logs: Any, job: str) -> Iterator[tuple[int, str]]:
    """Yields the lines of a training job's log, one stream after the other."""
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job}/"
    )
    try:
        streams = [one["logStreamName"] for page in pages for one in page["logStreams"]]
    except logs.exceptions.ResourceNotFoundException:
        return  # nothing has been logged yet, or the log has expired
    for stream in streams:
        token: dict[str, str] = {}
        while True:
            page = logs.get_log_events(
                logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True, **token
            )
            for event in page["events"]:
                yield event["timestamp"], event["message"]
            if page["nextForwardToken"] == token.get("nextToken"):  # a repeated token marks the end
                break
            token = {"nextToken": page["nextForwardToken"]}


def number(text: str) -> float | None:
    """Parses a number; None if the text is not one."""
    try:
        return float(text)
    except ValueError:
        return None
