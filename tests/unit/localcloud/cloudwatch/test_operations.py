"""Operations on metrics and alarms refuse what CloudWatch refuses."""

from __future__ import annotations

import math
import time

import pytest
from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from localcloud.cloud.aws_api import AwsError
from localcloud.services.cloudwatch import operations

NOW = math.floor(time.time() / 60) * 60 - 600
ALARM = {
    "AlarmName": "late",
    "Namespace": "Test",
    "MetricName": "Errors",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


@pytest.fixture(autouse=True)
def account():
    """An account of its own, emptied at the end."""
    with request_scope("111111111111", "eu-west-1"):
        yield
        for store in (cloudwatch._metrics, cloudwatch._alarms, cloudwatch._alarm_history):
            for key in list(store):
                del store[key]


def put(name="Errors", namespace="Test", **members):
    datum = {"MetricName": name, **({"Value": 1.0} if not members else {}), **members}
    operations.put_metric_data({"Namespace": namespace, "MetricData": [datum]})


def metric(query, name="Errors", statistic="Sum", period=60, **members):
    wanted = {"Namespace": "Test", "MetricName": name, **members}
    return {"Id": query, "MetricStat": {"Metric": wanted, "Period": period, "Stat": statistic}}


def read(*queries, **members):
    request = {
        "MetricDataQueries": list(queries),
        "StartTime": NOW,
        "EndTime": NOW + 600,
        **members,
    }
    return operations.get_metric_data(request)["MetricDataResults"]


def refusal(call, request):
    with pytest.raises(AwsError) as error:
        call(request)
    return error.value


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"Value": math.nan}, "InvalidParameterValue"),
        ({"Value": math.inf}, "InvalidParameterValue"),
        ({"Value": 2.0**361}, "InvalidParameterValue"),
        ({"Values": [1.0, -math.inf]}, "InvalidParameterValue"),
        ({"Values": [1.0], "Counts": [1.0, 2.0]}, "InvalidParameterCombination"),
        ({"Values": [1.0] * 151}, "InvalidParameterValue"),
        ({"Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination"),
        ({"Unit": "Count"}, "MissingParameter"),
        ({"StatisticValues": {"SampleCount": 1.0, "Sum": 1.0}}, "MissingParameter"),
        ({"Value": 1.0, "Timestamp": NOW - 15 * 86400}, "InvalidParameterValue"),
        ({"Value": 1.0, "Timestamp": NOW + 3 * 3600}, "InvalidParameterValue"),
        ({"Value": 1.0, "StorageResolution": 5}, "InvalidParameterValue"),
        ({"Value": 1.0, "Dimensions": [{"Name": f"d{n}", "Value": "v"} for n in range(31)]},
         "InvalidParameterValue"),
        ({"Value": 1.0, "Dimensions": [{"Name": "a", "Value": "é"}]}, "InvalidParameterValue"),
        ({"Value": 1.0, "Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]},
         "InvalidParameterValue"),
    ],
)  # fmt: skip
def test_a_datum_that_cloudwatch_refuses(members, code):
    datum = {"MetricName": "Errors", **members}
    request = {"Namespace": "Test", "MetricData": [datum]}
    assert refusal(operations.put_metric_data, request).code == code
    assert not list(cloudwatch._metrics)


@pytest.mark.parametrize("namespace", ["", "AWS/Glue", ":a", "a\u0007", "x" * 256])
def test_a_namespace_that_cloudwatch_refuses(namespace):
    request = {"Namespace": namespace, "MetricData": [{"MetricName": "a", "Value": 1.0}]}
    assert refusal(operations.put_metric_data, request).code == "InvalidParameterValue"


def test_a_metric_is_exactly_its_dimensions():
    left = {"Dimensions": [{"Name": "Lane", "Value": "left"}]}
    put(Value=1.0, Timestamp=NOW, **left)
    put(Value=5.0, Timestamp=NOW)
    assert [one["Values"] for one in read(metric("m1"), metric("m2", **left))] == [[5.0], [1.0]]
    request = {"Namespace": "Test", "MetricName": "Errors", "StartTime": NOW, "EndTime": NOW + 60,
               "Period": 60, "Statistics": ["Sum"]}  # fmt: skip
    (point,) = operations.get_metric_statistics(request)["Datapoints"]
    assert point["Sum"] == 5.0


def test_values_of_regular_resolution_belong_to_their_minute():
    put(Value=1.0, Timestamp=NOW + 25)
    put(Value=2.0, Timestamp=NOW + 25, StorageResolution=1)
    (found,) = read(metric("m1", period=10), ScanBy="TimestampAscending")
    assert found["Values"] == [1.0, 2.0]
    assert found["Timestamps"] == [cloudwatch._ts_iso(NOW), cloudwatch._ts_iso(NOW + 20)]


def test_expressions_may_refer_to_expressions_in_any_order():
    put(Values=[1.0, 3.0], Timestamp=NOW)
    put(Value=6.0, Timestamp=NOW + 60)
    queries = (
        {"Id": "share", "Expression": "total / PERIOD(total)", "Label": "per second"},
        {"Id": "total", "Expression": "SUM(METRICS())", "ReturnData": False},
        {**metric("m1"), "ReturnData": False},
    )
    (found,) = read(*queries)
    assert (found["Id"], found["Label"], found["Values"]) == ("share", "per second", [0.1, 4 / 60])


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([{"Id": "e1", "Expression": "SEARCH('a', 'Sum')"}], "does not support the function"),
        ([{"Id": "e1", "Expression": "e2"}, {"Id": "e2", "Expression": "e1"}], "in a circle"),
        ([{"Id": "e1", "Expression": "m1"}], "expected the Id of a query"),
        ([metric("m1"), metric("m1")], "unique Id"),
        ([metric("M1")], "lowercase letter"),
        ([{"Id": "m1"}], "either Expression or MetricStat"),
        ([{**metric("m1"), "ReturnData": False}], "must return data"),
        ([{**metric("m1"), "Label": "${MAX}"}], "dynamic labels"),
        ([metric("m1", period=45)], "Period must be one of"),
        ([metric("m1", statistic="tm90")], "does not support the statistic"),
        ([metric("m1", statistic="p101")], "does not support the statistic"),
    ],
)
def test_queries_that_are_refused(queries, message):
    request = {"MetricDataQueries": queries, "StartTime": NOW, "EndTime": NOW + 600}
    assert message in refusal(operations.get_metric_data, request).message


def test_a_range_must_go_forwards_and_hold_at_most_1440_datapoints():
    request = {"MetricDataQueries": [metric("m1")], "StartTime": NOW, "EndTime": NOW}
    assert refusal(operations.get_metric_data, request).code == "ValidationError"
    wide = {"Namespace": "Test", "MetricName": "Errors", "StartTime": NOW - 2 * 86400,
            "EndTime": NOW, "Period": 60, "Statistics": ["Sum"]}  # fmt: skip
    error = refusal(operations.get_metric_statistics, wide)
    assert (error.code, "exceeds the limit of 1440" in error.message) == (
        "InvalidParameterCombination",
        True,
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Period": 45}, "InvalidParameterValue"),
        ({"Period": 5}, "InvalidParameterValue"),
        ({"Period": 90}, "InvalidParameterValue"),
        ({"Period": 600, "EvaluationPeriods": 145}, "ValidationError"),
        ({"Period": 3600, "EvaluationPeriods": 169}, "ValidationError"),
        ({"DatapointsToAlarm": 3}, "ValidationError"),
        ({"TreatMissingData": "sometimes"}, "ValidationError"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "ValidationError"),
        ({"ExtendedStatistic": "p90"}, "InvalidParameterCombination"),
        ({"Statistic": "Median"}, "InvalidParameterValue"),
        ({"Threshold": math.nan}, "InvalidParameterValue"),
        ({"AlarmActions": ["topic"]}, "ValidationError"),
        ({"AlarmActions": ["arn:aws:lambda:eu-west-1:111111111111:function:f"]}, "ValidationError"),
        ({"AlarmActions": ["arn:aws:sns:us-east-1:111111111111:t"]}, "ValidationError"),
        ({"OKActions": ["arn:aws:sns:eu-west-1:111111111111:t"] * 6}, "ValidationError"),
    ],
)
def test_an_alarm_that_cloudwatch_refuses(changes, code):
    assert refusal(operations.put_metric_alarm, {**ALARM, **changes}).code == code
    assert not list(cloudwatch._alarms)


@pytest.mark.parametrize("name", ["Statistic", "Threshold", "Period", "EvaluationPeriods"])
def test_an_alarm_needs_its_members(name):
    request = {member: value for member, value in ALARM.items() if member != name}
    assert refusal(operations.put_metric_alarm, request).code in (
        "MissingParameter",
        "InvalidParameterCombination",
    )


@pytest.mark.parametrize("changes", [{"Period": 10}, {"Period": 3600, "EvaluationPeriods": 168}])
def test_an_alarm_is_stored_with_what_it_was_given(changes):
    operations.put_metric_alarm({**ALARM, "DatapointsToAlarm": 1, **changes})
    stored = cloudwatch._alarms["late"]
    assert {**ALARM, "DatapointsToAlarm": 1, **changes}.items() <= stored.items()


def test_alarms_of_a_metric_are_those_with_its_dimensions():
    left = [{"Name": "Lane", "Value": "left"}]
    operations.put_metric_alarm(ALARM)
    operations.put_metric_alarm({**ALARM, "AlarmName": "left", "Dimensions": left})
    request = {"Namespace": "Test", "MetricName": "Errors"}

    def names(**members):
        found = operations.describe_alarms_for_metric({**request, **members})["MetricAlarms"]
        return [one["AlarmName"] for one in found]

    assert names() == ["late"]
    assert names(Dimensions=left) == ["left"]
    assert names(Dimensions=left, Period=120) == []
