"""Tests of the state of alarms, by complete periods and with missing data."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.services.cloudwatch.alarms import evaluated_state

NOW = 600.0  # the end of ten periods


def alarm(**members: Any) -> dict[str, Any]:
    return {
        "AlarmName": "a",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "missing",
        "StateValue": "OK",
        "StateReason": "as before",
        **members,
    }


def points(*periods: float | None) -> list[dict[str, Any]]:
    """Makes two points in each of the last periods, with the given sums; None means no data."""
    found = []
    for back, total in enumerate(reversed(periods)):
        start = NOW - 60 * (back + 1)
        if total is not None:
            point = {"Value": total / 2, "Unit": "Count"}
            found += [{"Timestamp": start + at, **point} for at in (1, 59)]
    return found


@pytest.mark.parametrize(
    ("members", "periods", "state"),
    [
        ({}, (9, 9, 9), "ALARM"),
        ({}, (9, 9, 1), "OK"),
        ({}, (9, 9, 5), "OK"),
        ({"ComparisonOperator": "GreaterThanOrEqualToThreshold"}, (9, 9, 5), "ALARM"),
        ({"ComparisonOperator": "LessThanThreshold"}, (1, 2, 3), "ALARM"),
        ({"ComparisonOperator": "LessThanOrEqualToThreshold"}, (5, 5, 6), "OK"),
        ({"DatapointsToAlarm": 2}, (9, 1, 9), "ALARM"),
        ({"DatapointsToAlarm": 2}, (9, 1, 1), "OK"),
        ({"EvaluationPeriods": 1}, (1, 1, 9), "ALARM"),
        ({"Statistic": "Average"}, (9, 9, 9), "OK"),  # of 4.5 each
        ({"Statistic": "SampleCount", "Threshold": 1}, (1, 1, 1), "ALARM"),
        ({"Unit": "Count"}, (9, 9, 9), "ALARM"),
        ({"Unit": "Seconds"}, (9, 9, 9), "INSUFFICIENT_DATA"),
        # missing data
        ({}, (None, None, None), "INSUFFICIENT_DATA"),
        ({}, (None, None, 9), "ALARM"),
        ({}, (None, 1, 9), "OK"),
        ({"TreatMissingData": "breaching"}, (None, None, None), "ALARM"),
        ({"TreatMissingData": "breaching"}, (None, 9, None), "ALARM"),
        ({"TreatMissingData": "breaching"}, (None, 1, None), "OK"),
        ({"TreatMissingData": "notBreaching"}, (None, None, None), "OK"),
        ({"TreatMissingData": "notBreaching"}, (9, None, 9), "OK"),
        ({"TreatMissingData": "ignore", "StateValue": "ALARM"}, (None, None, None), "ALARM"),
        ({"TreatMissingData": "ignore", "StateValue": "OK"}, (None, None, None), "OK"),
    ],
)
def test_the_last_complete_periods_determine_the_state(
    members: dict[str, Any], periods: tuple[float | None, ...], state: str
) -> None:
    assert evaluated_state(alarm(**members), points(*periods), NOW)[0] == state


def test_the_current_period_and_older_ones_do_not_count() -> None:
    old = {"Timestamp": NOW - 181, "Value": 1.0, "Unit": "Count"}
    running = {"Timestamp": NOW + 1, "Value": 1.0, "Unit": "Count"}
    assert evaluated_state(alarm(), [old, *points(9, 9, 9), running], NOW + 2)[0] == "ALARM"


def test_the_reason_contains_the_datapoints() -> None:
    _, reason = evaluated_state(alarm(TreatMissingData="breaching"), points(9, None, 7.5), NOW)
    assert "3 of the last 3 datapoints [9, -, 7.5] breached GreaterThanThreshold 5.0" in reason
