"""Checks requests to CloudWatch as AWS does, beyond its model.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from __future__ import annotations

import math
import re
import time
from typing import Any

from ministack.services import cloudwatch

from localcloud.cloud.aws_api import AwsError

Request = dict[str, Any]
_DAY = 86_400
_LARGEST = 2.0**360
_MOST_DIMENSIONS = 30
_MOST_VALUES = 150
_MOST_DATA = 1000
_PAST = 14 * _DAY
_FUTURE = 2 * 3600
_SHORT_PERIODS = (10, 20, 30)
_HIGH_RESOLUTION_PERIODS = (1, 5, *_SHORT_PERIODS)
_WEEK = 7 * _DAY
_ASCII = re.compile(r"[\x20-\x7e]{1,255}")
_STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_PERCENTILE = re.compile(r"p(100(\.0+)?|\d{1,2}(\.\d{1,10})?)")
_TREATMENTS = ("breaching", "notBreaching", "ignore", "missing")
_COMPARISONS = ("GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold",
                "LessThanOrEqualToThreshold")  # fmt: skip
_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")
_MOST_ACTIONS = 5


def invalid(message: str) -> AwsError:
    """Returns the error for a parameter with a wrong value."""
    return AwsError("InvalidParameterValue", message)


def combination(message: str) -> AwsError:
    """Returns the error for parameters that exclude or need each other."""
    return AwsError("InvalidParameterCombination", message)


def missing(name: str) -> AwsError:
    """Returns the error for an absent parameter."""
    return AwsError("MissingParameter", f"The parameter {name} is required.")


def is_statistic(name: str) -> bool:
    """Returns whether the local cloud computes a statistic."""
    return name in _STATISTICS or _PERCENTILE.fullmatch(name) is not None


def check_data(request: Request) -> None:
    """Checks a request to PutMetricData."""
    namespace = request.get("Namespace", "")
    if not _ASCII.fullmatch(namespace) or namespace.startswith(":"):
        raise invalid(
            "The parameter Namespace must be 1 to 255 ASCII characters, without ':' at its start; "
            f"got {namespace!r}"
        )
    if namespace.startswith("AWS/"):
        raise invalid("The value AWS/ for parameter Namespace is invalid.")
    data = request.get("MetricData") or []
    if not data:
        raise missing("MetricData")
    if len(data) > _MOST_DATA:
        raise invalid(f"expected at most {_MOST_DATA} members of MetricData; got {len(data)}")
    for number, datum in enumerate(data, start=1):
        _check_datum(datum, f"MetricData.member.{number}")


def _check_datum(datum: Request, place: str) -> None:
    if not _ASCII.fullmatch(datum.get("MetricName", "")):
        raise missing(f"{place}.MetricName")
    check_dimensions(datum.get("Dimensions") or [], place)
    kinds = [name for name in ("Value", "Values", "StatisticValues") if name in datum]
    if not kinds:
        raise missing(f"{place}.Value")
    if len(kinds) > 1:
        raise combination(
            f"The parameters {place}.{kinds[0]} and {place}.{kinds[1]} are mutually exclusive."
        )
    _check_values(datum, place)
    if datum.get("StorageResolution", 60) not in (1, 60):
        raise invalid(f"The parameter {place}.StorageResolution must be 1 or 60.")
    moment = cloudwatch._parse_ts(datum.get("Timestamp"))
    if moment is not None and not -_PAST <= moment - time.time() <= _FUTURE:
        raise invalid(
            f"The parameter {place}.Timestamp must specify a time no more than two weeks in the "
            f"past and no more than two hours in the future; got {datum['Timestamp']}"
        )


def _check_values(datum: Request, place: str) -> None:
    if "Values" in datum:
        values, counts = datum["Values"], datum.get("Counts")
        if not 1 <= len(values) <= _MOST_VALUES:
            raise invalid(
                f"expected 1 to {_MOST_VALUES} values of {place}.Values; got {len(values)}"
            )
        if counts is not None and len(counts) != len(values):
            raise combination(
                f"The parameters {place}.Values and {place}.Counts must be of the same size."
            )
        for count in counts or []:
            if not math.isfinite(count) or count < 0:
                raise invalid(f"The value {count} for parameter {place}.Counts is invalid.")
    elif "Counts" in datum:
        raise combination(f"The parameter {place}.Counts needs {place}.Values.")
    numbers = datum.get("Values", [datum["Value"]] if "Value" in datum else [])
    if "StatisticValues" in datum:
        numbers = _statistics(datum["StatisticValues"], f"{place}.StatisticValues")
    for number in numbers:
        if not math.isfinite(number) or abs(number) > _LARGEST:
            raise invalid(
                f"The value {number} for parameter {place} is invalid: expected a finite number "
                "from -2^360 to 2^360"
            )


def _statistics(statistic: Request, place: str) -> list[float]:
    """Returns the numbers of a statistic set."""
    for name in ("SampleCount", "Sum", "Minimum", "Maximum"):
        if name not in statistic:
            raise missing(f"{place}.{name}")
    if statistic["Minimum"] > statistic["Maximum"]:
        raise invalid(f"{place}.Maximum must not be less than Minimum.")
    if statistic["SampleCount"] <= 0:
        raise invalid(f"{place}.SampleCount must be greater than 0.")
    return list(statistic.values())


def check_dimensions(dimensions: list[Request], place: str) -> None:
    """Checks the dimensions of a metric.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html
    """
    if len(dimensions) > _MOST_DIMENSIONS:
        raise invalid(
            f"The collection {place}.Dimensions must not have a size greater than "
            f"{_MOST_DIMENSIONS}; got {len(dimensions)}"
        )
    names = [one.get("Name", "") for one in dimensions]
    if len(set(names)) < len(names):
        raise invalid(f"{place}.Dimensions has a name twice: {', '.join(names)}")
    for one in dimensions:
        name, value = one.get("Name", ""), one.get("Value", "")
        if not _ASCII.fullmatch(name) or name.startswith(":"):
            raise invalid(
                f"The name {name!r} of {place}.Dimensions is not 1 to 255 ASCII characters"
            )
        if len(value) > 1024 or not value.isascii() or not value.strip():
            raise invalid(
                f"The value {value!r} of {place}.Dimensions is not 1 to 1024 ASCII characters"
            )


def check_period(period: int, allowed: tuple[int, ...]) -> None:
    """Checks a period in seconds: some short ones, and multiples of 60."""
    if period not in allowed and (period < 60 or period % 60):
        raise invalid(
            f"The parameter Period must be one of {', '.join(map(str, allowed))} or a multiple of "
            f"60; got {period}"
        )


def check_retrieval(period: int) -> None:
    """Checks the period of a retrieval of statistics."""
    check_period(period, _HIGH_RESOLUTION_PERIODS)


def check_alarm(request: Request) -> None:
    """Checks a request to PutMetricAlarm."""
    for name in ("AlarmName", "MetricName", "Namespace", "Period", "EvaluationPeriods",
                 "ComparisonOperator", "Threshold"):  # fmt: skip
        if name not in request:
            raise missing(name)
    if ("Statistic" in request) == ("ExtendedStatistic" in request):
        raise combination("Exactly one of Statistic and ExtendedStatistic must be specified.")
    statistic = request.get("Statistic") or request["ExtendedStatistic"]
    if not is_statistic(statistic):
        raise invalid(f"The local cloud does not support the statistic {statistic}.")
    _check_choice(request, "ComparisonOperator", _COMPARISONS)
    _check_choice(request, "TreatMissingData", _TREATMENTS)
    period, periods = request["Period"], request["EvaluationPeriods"]
    check_period(period, _SHORT_PERIODS)
    if periods < 1:
        raise invalid(f"The parameter EvaluationPeriods must be at least 1; got {periods}")
    longest = _WEEK if period >= 3600 else _DAY
    if periods * period > longest:
        raise AwsError(
            "ValidationError",
            f"Metrics cannot be checked across more than {longest} seconds "
            f"(EvaluationPeriods * Period must be <= {longest}); got {periods * period}",
        )
    needed: Any = request.get("DatapointsToAlarm", periods)
    if not 1 <= needed <= periods:
        raise AwsError(
            "ValidationError",
            f"DatapointsToAlarm must be from 1 to EvaluationPeriods ({periods}); got {needed}",
        )
    if not math.isfinite(request["Threshold"]):
        raise invalid(f"The parameter Threshold must be a number; got {request['Threshold']}")
    check_dimensions(request.get("Dimensions") or [], "Alarm")
    check_actions(request)


def check_actions(request: Request) -> None:
    """Checks the actions of an alarm; the local cloud has notifications only."""
    for name in _ACTIONS:
        actions = request.get(name) or []
        if len(actions) > _MOST_ACTIONS:
            raise AwsError("ValidationError", f"expected at most {_MOST_ACTIONS} {name}")
        for action in actions:
            if not action.startswith("arn:"):
                raise AwsError("ValidationError", f"Invalid arn syntax: {action}")
            if not cloudwatch._is_sns_action_arn(action):
                raise AwsError(
                    "ValidationError",
                    f"The local cloud supports topics of SNS in this account and region as {name} "
                    f"only; got {action}",
                )


def _check_choice(request: Request, name: str, known: tuple[str, ...]) -> None:
    if name in request and request[name] not in known:
        raise AwsError(
            "ValidationError",
            f"The value {request[name]} of {name} is not supported: expected {', '.join(known)}",
        )
