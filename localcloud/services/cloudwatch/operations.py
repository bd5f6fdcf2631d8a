"""Operations of CloudWatch on metrics and metric alarms; storage is ministack's.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore import xform_name
from ministack.services import cloudwatch

from localcloud.cloud.aws_api import AwsError
from localcloud.services.cloudwatch import metric_math, protocols, requests
from localcloud.services.cloudwatch.members import classes
from localcloud.services.cloudwatch.metric_math import ExpressionError, Scope, Series
from localcloud.services.cloudwatch.requests import Request

_MOST_QUERIES = 500
_MOST_DATAPOINTS = 100_800
_MOST_STATISTICS = 1440
_ID = re.compile(r"[a-z][a-zA-Z0-9_]{0,254}")
_MINUTE = 60


def install() -> None:
    """Replaces ministack's operations."""
    for operation in classes().tables:
        name = xform_name(operation)
        served = OPERATIONS.get(name) or ministacks(name)
        setattr(cloudwatch, f"_{name}", protocols.adapted(operation, served))


def put_metric_data(request: Request) -> Request:
    """Stores values, at the resolution of their metrics, and evaluates the alarms."""
    requests.check_data(request)
    store(request["Namespace"], request["MetricData"])
    return {}


def store(namespace: str, data: list[Request]) -> None:
    """Stores values without AWS's checks, for services, which own the namespaces of AWS."""
    for datum in data:
        moment = cloudwatch._parse_ts(datum.get("Timestamp")) or time.time()
        resolution = datum.get("StorageResolution", _MINUTE)
        cloudwatch._store_datum(
            namespace,
            datum["MetricName"],
            cloudwatch._dims_from_list(datum.get("Dimensions") or []),
            moment if resolution == 1 else math.floor(moment / _MINUTE) * _MINUTE,
            datum.get("Unit", "None"),
            datum.get("Value"),
            datum.get("Values"),
            datum.get("Counts"),
            datum.get("StatisticValues"),
        )
    cloudwatch._evaluate_all_alarms()


def put_metric_alarm(request: Request) -> Request:
    """Creates or replaces an alarm on one metric."""
    requests.check_alarm(request)
    ministacks("put_metric_alarm")(request)
    alarm = cloudwatch._alarms[request["AlarmName"]]
    if "ExtendedStatistic" in request:
        alarm["Statistic"] = None  # ministack's default
    return {}


def put_composite_alarm(request: Request) -> Request:
    """Creates or replaces an alarm on the states of other alarms."""
    requests.check_actions(request)
    return ministacks("put_composite_alarm")(request)


def get_metric_statistics(request: Request) -> Request:
    """Returns statistics of one metric."""
    start, end, period = *_range(request), request["Period"]
    requests.check_retrieval(period)
    names = [*(request.get("Statistics") or []), *(request.get("ExtendedStatistics") or [])]
    if not names:
        raise requests.combination(
            "At least one of the parameters Statistics and ExtendedStatistics must be specified."
        )
    for name in names:
        _check_statistic(name)
    count = math.ceil((end - start) / period)
    if count > _MOST_STATISTICS:
        raise requests.combination(
            f"You have requested up to {count} datapoints, which exceeds the limit of "
            f"{_MOST_STATISTICS}. You may reduce the datapoints requested by increasing Period, or "
            "decreasing the time range."
        )
    points: dict[int, Request] = {}
    for name in names:
        for moment, value in _series(request, period, name, start, end).items():
            point = points.setdefault(moment, {"Timestamp": cloudwatch._ts_iso(moment)})
            point["Unit"] = request.get("Unit") or _unit(request)
            if name in (request.get("Statistics") or []):
                point[name] = value
            else:
                point.setdefault("ExtendedStatistics", {})[name] = value
    return {
        "Label": request["MetricName"],
        "Datapoints": [points[moment] for moment in sorted(points)],
    }


def get_metric_data(request: Request) -> Request:
    """Returns the series of metrics and of expressions on them."""
    start, end = _range(request)
    queries = request["MetricDataQueries"]
    _check_queries(queries)
    found: dict[str, list[Series]] = {}
    for query in _in_order(queries):
        if "MetricStat" in query:
            statistic = query["MetricStat"]
            wanted = {**statistic["Metric"], "Unit": statistic.get("Unit")}
            series = _series(wanted, statistic["Period"], statistic["Stat"], start, end)
            found[query["Id"]] = [series]
        else:
            found[query["Id"]] = _expression(query, queries, found, (start, end))
    results = [
        _result(query, series, request)
        for query in queries
        if query.get("ReturnData", True)
        for series in found[query["Id"]]
    ]
    count = sum(len(one["Values"]) for one in results)
    if count > request.get("MaxDatapoints", _MOST_DATAPOINTS):
        raise AwsError(
            "ValidationError",
            f"The local cloud does not page GetMetricData: expected at most "
            f"{request.get('MaxDatapoints', _MOST_DATAPOINTS)} datapoints; got {count}",
        )
    return {"MetricDataResults": results}


def _result(query: Request, series: Series, request: Request) -> Request:
    newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    times = sorted(series, reverse=newest_first)
    metric = query.get("MetricStat", {}).get("Metric", {}).get("MetricName", query["Id"])
    return {
        "Id": query["Id"],
        "Label": query.get("Label", metric),
        "Timestamps": [cloudwatch._ts_iso(moment) for moment in times],
        "Values": [series[moment] for moment in times],
        "StatusCode": "Complete",
    }


def _check_queries(queries: list[Request]) -> None:
    if not 1 <= len(queries) <= _MOST_QUERIES:
        raise _refused(f"expected 1 to {_MOST_QUERIES} MetricDataQueries; got {len(queries)}")
    seen = set()
    for query in queries:
        if not _ID.fullmatch(query.get("Id", "")) or query["Id"] in seen:
            raise _refused(
                "expected a unique Id of letters, digits and underscores that starts with a "
                f"lowercase letter; got {query.get('Id')!r}"
            )
        seen.add(query["Id"])
        if ("Expression" in query) == ("MetricStat" in query):
            raise _refused(f"{query['Id']} must have either Expression or MetricStat")
        if "${" in query.get("Label", ""):
            raise _refused(f"The local cloud does not support dynamic labels; got {query['Label']}")
        if "MetricStat" in query:
            requests.check_retrieval(query["MetricStat"]["Period"])
            _check_statistic(query["MetricStat"]["Stat"])
            requests.check_dimensions(
                query["MetricStat"]["Metric"].get("Dimensions") or [], query["Id"]
            )
    if not any(query.get("ReturnData", True) for query in queries):
        raise _refused("at least one of the MetricDataQueries must return data")


def _in_order(queries: list[Request]) -> list[Request]:
    """Returns the queries with expressions behind what they refer to."""
    ids = {query["Id"] for query in queries}
    waiting = list(queries)
    ready: list[Request] = []
    while waiting:
        known = {query["Id"] for query in ready}
        batch = [query for query in waiting if _needs(query, queries) & ids <= known]
        if not batch:
            names = ", ".join(query["Id"] for query in waiting)
            raise _refused(f"the expressions {names} refer to each other in a circle")
        ready += batch
        waiting = [query for query in waiting if query not in batch]
    return ready


def _needs(query: Request, queries: list[Request]) -> set[str]:
    if "Expression" not in query:
        return set()
    needed = _evaluated(query, lambda: metric_math.identifiers(query["Expression"]))
    if "METRICS(" in query["Expression"]:
        needed |= {one["Id"] for one in queries if "MetricStat" in one}
    found: set[str] = needed
    return found


def _expression(
    query: Request,
    queries: list[Request],
    found: Mapping[str, list[Series]],
    span: tuple[float, float],
) -> list[Series]:
    periods = [one["MetricStat"]["Period"] for one in queries if "MetricStat" in one]
    period = query.get("Period") or max(periods, default=_MINUTE)
    first = math.floor(span[0] / period) * period
    metrics = {one["Id"] for one in queries if "MetricStat" in one}
    single = {name: series[0] for name, series in found.items() if len(series) == 1}
    times = list(range(first, math.ceil(span[1]), period))
    scope = Scope(single, times, period, frozenset(metrics & set(single)))
    series: list[Series] = _evaluated(
        query, lambda: metric_math.evaluate(query["Expression"], scope)
    )
    return series


def _evaluated(query: Request, evaluate: Callable[[], Any]) -> Any:
    try:
        return evaluate()
    except ExpressionError as error:
        raise _refused(f"Error in expression '{query['Id']}': {error}") from error


def _series(metric: Request, period: int, statistic: str, start: float, end: float) -> Series:
    """Returns one statistic of exactly one metric by the starts of its periods."""
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(metric.get("Dimensions") or []))
    points = cloudwatch._metrics.get((metric["Namespace"], metric["MetricName"], dimensions)) or []
    by_period: dict[int, list[Request]] = {}
    first = math.floor(start / min(period, _MINUTE)) * min(period, _MINUTE)
    for point in points:
        if first <= point["Timestamp"] < end and metric.get("Unit") in (None, point["Unit"]):
            by_period.setdefault(math.floor(point["Timestamp"] / period) * period, []).append(point)
    values = {
        moment: cloudwatch._stat_value(cloudwatch._calc_stats(found), statistic, found)
        for moment, found in by_period.items()
    }
    return {moment: value for moment, value in values.items() if value is not None}


def _unit(metric: Request) -> str:
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(metric.get("Dimensions") or []))
    points = cloudwatch._metrics.get((metric["Namespace"], metric["MetricName"], dimensions)) or []
    return str(points[-1]["Unit"]) if points else "None"


def _range(request: Request) -> tuple[float, float]:
    start, end = (cloudwatch._parse_ts(request.get(name)) for name in ("StartTime", "EndTime"))
    if start is None or end is None:
        raise requests.missing("StartTime" if start is None else "EndTime")
    if start >= end:
        raise _refused("The parameter StartTime must be less than the parameter EndTime.")
    return start, end


def _check_statistic(name: str) -> None:
    if not requests.is_statistic(name):
        raise requests.invalid(f"The local cloud does not support the statistic {name}.")


def _refused(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def describe_alarms_for_metric(request: Request) -> Request:
    """Returns the alarms on exactly one metric, filtered by the other members if they are given."""
    wanted = cloudwatch._dims_key(cloudwatch._dims_from_list(request.get("Dimensions") or []))
    filters = ("Statistic", "ExtendedStatistic", "Period", "Unit")
    return {
        "MetricAlarms": [
            alarm
            for alarm in cloudwatch._alarms.values()
            if (alarm["Namespace"], alarm["MetricName"])
            == (request["Namespace"], request["MetricName"])
            and cloudwatch._dims_key(cloudwatch._dims_from_list(alarm["Dimensions"])) == wanted
            and all(alarm.get(name) == request[name] for name in filters if name in request)
        ]
    }


def ministacks(name: str) -> protocols.Operation:
    """Returns an operation of ministack as a function from request to response."""
    operation = _MINISTACKS[name]

    def call(request: Request) -> Request:
        status, _, body = operation({}, request, False, True)
        answer: Request = json.loads(body or b"{}")
        if status >= 400:
            code = answer["__type"].rpartition("#")[2]
            raise AwsError(code, answer.get("message", ""), status)
        return answer

    return call


_MINISTACKS = {name: getattr(cloudwatch, f"_{name}") for name in map(xform_name, classes().tables)}
OPERATIONS: Mapping[str, protocols.Operation] = {
    "put_metric_data": put_metric_data,
    "put_metric_alarm": put_metric_alarm,
    "put_composite_alarm": put_composite_alarm,
    "get_metric_statistics": get_metric_statistics,
    "get_metric_data": get_metric_data,
    "describe_alarms_for_metric": describe_alarms_for_metric,
}
"""Operations that replace ministack's; the others are ministack's, with their members checked."""
