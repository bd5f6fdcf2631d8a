"""CloudWatch's alarms, judged and described as AWS does.

ministack's alarms take any series of a metric for theirs, whatever its dimensions, take all periods
for one, and never notice that data is missing; and its DescribeAlarms forgets most members where
the client speaks XML, so that Terraform sees drift for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import operator
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import ListShape, Shape, StructureShape
from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from localcloud.cloud.aws_api import Handler, Response, service_model
from localcloud.services.eventbridge import events

logger = logging.getLogger("localcloud.services.cloudwatch.alarms")

INTERVAL = 5.0  # seconds between looks at alarms that get no data
REACHES = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}

Alarm = dict[str, Any]
Point = dict[str, Any]


class Alarms:
    """Looks at all alarms again and again; a service that answers through ministack's API."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def install(self) -> None:
        """Put the judgement and the description in ministack's way."""
        cloudwatch._evaluate_alarm = evaluate
        describe = cloudwatch._describe_alarms

        def describe_alarms(
            params: Mapping[str, Any], request: Mapping[str, Any], is_cbor: bool, is_json: bool
        ) -> Response:
            if is_cbor or is_json:
                answer: Response = describe(params, request, is_cbor, is_json)
                return answer
            return _in_xml(describe({}, _from_query(params), False, True))

        cloudwatch._describe_alarms = describe_alarms

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {}

    async def start(self) -> None:
        self._task = asyncio.create_task(self._look_for_ever())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            for scope in {(account, region) for account, region, _ in cloudwatch._alarms._data}:
                with request_scope(*scope):
                    cloudwatch._evaluate_all_alarms()


def evaluate(alarm: Alarm) -> None:
    """Judge an alarm by now's data, and act where its state changes."""
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions", [])))
    series = (alarm.get("Namespace"), alarm.get("MetricName"), dimensions)
    if alarm.get("ComparisonOperator") not in REACHES or None in series[:2]:
        return  # anomaly detection and metric mathematics are not served here
    before = alarm["StateValue"]
    state, reason = judge(alarm, cloudwatch._metrics.get(series) or [], time.time())
    if state == before:
        return
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    logger.info("alarm %s: %s to %s: %s", alarm["AlarmName"], before, state, reason)
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)
    _announce(alarm, before)


def _announce(alarm: Alarm, before: str) -> None:
    """Tell EventBridge, so that a rule can start what is to be done about it.

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


def judge(alarm: Alarm, points: list[Point], now: float) -> tuple[str, str]:
    """An alarm's state and its reason.

    The last `EvaluationPeriods` periods that are over count. `DatapointsToAlarm` of them must
    breach; periods without data are what `TreatMissingData` says. With ``missing``, the alarm goes
    by the periods that have data, and where none has it is INSUFFICIENT_DATA
    (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html).

    Parameters
    ----------
    alarm
        As DescribeAlarms tells it.
    points
        ministack's points of the alarm's series.
    now
        Seconds since the epoch.
    """
    values = _by_period(alarm, points, now)
    wanted = alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]
    reaches = REACHES[alarm["ComparisonOperator"]]
    breaching = [None if one is None else reaches(one, alarm["Threshold"]) for one in values]
    treated_as = {"breaching": True, "notBreaching": False}.get(alarm["TreatMissingData"])
    if treated_as is not None:
        breaching = [treated_as if one is None else one for one in breaching]
    known = [one for one in breaching if one is not None]
    if not known:
        if alarm["TreatMissingData"] == "ignore":
            return alarm["StateValue"], alarm["StateReason"]
        return "INSUFFICIENT_DATA", f"no data in {len(values)} periods of {alarm['Period']} s"
    count = sum(known)
    state = "ALARM" if count >= min(wanted, len(known)) else "OK"
    return state, (
        f"Threshold Crossed: {count} of the last {len(values)} datapoints {_shown(values)} "
        f"{'breached' if state == 'ALARM' else 'did not breach often enough'} "
        f"{alarm['ComparisonOperator']} {alarm['Threshold']} ({wanted} are needed)"
    )


def _by_period(alarm: Alarm, points: list[Point], now: float) -> list[float | None]:
    """The statistic of each period, oldest first; None where there is no data."""
    period = alarm["Period"]
    running = math.floor(now / period)
    name = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    by_period: dict[int, list[Point]] = {}
    for point in points:
        by_period.setdefault(math.floor(point["Timestamp"] / period), []).append(point)
    values: list[float | None] = []
    for number in range(running - alarm["EvaluationPeriods"], running):
        found = by_period.get(number)
        value = (
            cloudwatch._stat_value(cloudwatch._calc_stats(found), name, found) if found else None
        )
        values.append(value)
    return values


def _shown(values: list[float | None]) -> str:
    return "[" + ", ".join("-" if one is None else f"{one:g}" for one in values) + "]"


def _from_query(params: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a DescribeAlarms request that came form-encoded."""
    request: dict[str, Any] = {}
    for name in ("AlarmNamePrefix", "StateValue", "MaxRecords", "NextToken"):
        if value := cloudwatch._p(params, name):
            request[name] = value
    for name in ("AlarmNames", "AlarmTypes"):
        keys = sorted(key for key in params if key.startswith(f"{name}.member."))
        if keys:
            request[name] = [cloudwatch._p(params, key) for key in keys]
    return request


def _in_xml(answer: Response) -> Response:
    """A JSON answer of DescribeAlarms in the XML of AWS's older protocol."""
    status, _, body = answer
    document = json.loads(body)
    if status != 200:
        code = document.get("__type", "ValidationError").rpartition("#")[2]
        refusal: Response = cloudwatch._error(code, document.get("message", ""), status)
        return refusal
    shape = service_model("cloudwatch").operation_model("DescribeAlarms").output_shape
    content = f"<DescribeAlarmsResult>{_xml_of(document, shape)}</DescribeAlarmsResult>"
    told: Response = cloudwatch._xml(200, "DescribeAlarmsResponse", content)
    return told


def _xml_of(value: Any, shape: Shape) -> str:
    if isinstance(shape, StructureShape):
        return "".join(
            f"<{name}>{_xml_of(value[name], member)}</{name}>"
            for name, member in shape.members.items()
            if value.get(name) is not None
        )
    if isinstance(shape, ListShape):
        return "".join(f"<member>{_xml_of(one, shape.member)}</member>" for one in value)
    if shape.type_name == "timestamp":
        moment = value if isinstance(value, str) else datetime.fromtimestamp(value, UTC).isoformat()
        return escape(moment)
    if shape.type_name == "boolean":
        return "true" if value else "false"
    return escape(str(value))
