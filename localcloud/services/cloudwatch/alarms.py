"""Evaluates CloudWatch alarms as AWS does.

ministack's alarms ignore a metric's dimensions, treat all periods as one and never notice missing
data.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import operator
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from localcloud.cloud.aws_api import Handler
from localcloud.services.cloudwatch import operations
from localcloud.services.eventbridge import events

logger = logging.getLogger("localcloud.services.cloudwatch.alarms")

INTERVAL = 5.0  # seconds between evaluations of alarms that receive no data
COMPARISONS = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}

Alarm = dict[str, Any]
Point = dict[str, Any]


class Alarms:
    """Service that evaluates all alarms periodically; its API is ministack's."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def install(self) -> None:
        """Replaces ministack's operations, and its evaluation of alarms."""
        operations.install()
        cloudwatch._evaluate_alarm = evaluate

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {}

    async def start(self) -> None:
        self._task = asyncio.create_task(self._evaluate_periodically())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _evaluate_periodically(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            for scope in {(account, region) for account, region, _ in cloudwatch._alarms._data}:
                with request_scope(*scope):
                    cloudwatch._evaluate_all_alarms()


def evaluate(alarm: Alarm) -> None:
    """Evaluates an alarm and performs its actions if its state changes."""
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions", [])))
    series = (alarm.get("Namespace"), alarm.get("MetricName"), dimensions)
    if alarm.get("ComparisonOperator") not in COMPARISONS or None in series[:2]:
        return  # anomaly detection and metric math are not supported
    before = alarm["StateValue"]
    state, reason = evaluated_state(alarm, cloudwatch._metrics.get(series) or [], time.time())
    if state == before:
        return
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    logger.info("alarm %s: %s to %s: %s", alarm["AlarmName"], before, state, reason)
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)
    _announce(alarm, before)


def _announce(alarm: Alarm, before: str) -> None:
    """Emits an event to EventBridge, so that rules can react.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
    """
    detail = {
        "alarmName": alarm["AlarmName"],
        "state": {
            "value": alarm["StateValue"],
            "reason": alarm["StateReason"],
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        },
        "previousState": {"value": before},
        "configuration": {"description": alarm.get("AlarmDescription") or ""},
    }
    events.emit("aws.cloudwatch", "CloudWatch Alarm State Change", alarm["AlarmArn"], detail)


def evaluated_state(alarm: Alarm, points: list[Point], now: float) -> tuple[str, str]:
    """Returns an alarm's state and the reason.

    The last `EvaluationPeriods` complete periods count, and `DatapointsToAlarm` of them must
    breach. `TreatMissingData` decides about periods without data. With ``missing``, the alarm uses
    the periods that have data, and without any its state is INSUFFICIENT_DATA
    (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html).

    Parameters
    ----------
    alarm
        Alarm as in DescribeAlarms' response.
    points
        ministack's data points of the alarm's series.
    now
        Current time in seconds since the epoch.
    """
    values = _by_period(alarm, points, now)
    required = alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]
    breaches = COMPARISONS[alarm["ComparisonOperator"]]
    breaching = [None if one is None else breaches(one, alarm["Threshold"]) for one in values]
    treated_as = {"breaching": True, "notBreaching": False}.get(alarm["TreatMissingData"])
    if treated_as is not None:
        breaching = [treated_as if one is None else one for one in breaching]
    known = [one for one in breaching if one is not None]
    if not known:
        if alarm["TreatMissingData"] == "ignore":
            return alarm["StateValue"], alarm["StateReason"]
        return "INSUFFICIENT_DATA", f"no data in {len(values)} periods of {alarm['Period']} s"
    count = sum(known)
    state = "ALARM" if count >= min(required, len(known)) else "OK"
    return state, (
        f"Threshold Crossed: {count} of the last {len(values)} datapoints {_formatted(values)} "
        f"{'breached' if state == 'ALARM' else 'did not breach often enough'} "
        f"{alarm['ComparisonOperator']} {alarm['Threshold']} ({required} required)"
    )


def _by_period(alarm: Alarm, points: list[Point], now: float) -> list[float | None]:
    """Returns the statistic of each period, oldest first; None for a period without data."""
    period = alarm["Period"]
    running = math.floor(now / period)
    name = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    by_period: dict[int, list[Point]] = {}
    for point in points:
        if alarm.get("Unit") not in (None, point["Unit"]):
            continue  # an alarm with a unit sees only data with that unit
        by_period.setdefault(math.floor(point["Timestamp"] / period), []).append(point)
    values: list[float | None] = []
    for number in range(running - alarm["EvaluationPeriods"], running):
        found = by_period.get(number)
        value = (
            cloudwatch._stat_value(cloudwatch._calc_stats(found), name, found) if found else None
        )
        values.append(value)
    return values


def _formatted(values: list[float | None]) -> str:
    return "[" + ", ".join("-" if one is None else f"{one:g}" for one in values) + "]"
