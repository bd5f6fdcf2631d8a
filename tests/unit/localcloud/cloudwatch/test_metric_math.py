"""Metric math has the values of CloudWatch's, and says what it lacks."""

from __future__ import annotations

import pytest

from localcloud.services.cloudwatch.metric_math import ExpressionError, Scope, evaluate, identifiers

A = {0: 1.0, 60: 4.0, 180: 10.0}
B = {0: 2.0, 60: 0.0, 120: 5.0}
SCOPE = Scope({"a": A, "b": B, "e1": {0: 9.0}}, range(0, 240, 60), 60, frozenset({"a", "b"}))


@pytest.mark.parametrize(
    ("expression", "series"),
    [
        ("a + 1", {0: 2, 60: 5, 180: 11}),
        ("-a", {0: -1, 60: -4, 180: -10}),
        ("a / b", {0: 0.5}),
        ("100 * a / PERIOD(a)", {0: 100 / 60, 60: 400 / 60, 180: 1000 / 60}),
        ("a ^ 2", {0: 1, 60: 16, 180: 100}),
        ("a > 3", {0: 0, 60: 1, 180: 1}),
        ("a > 3 && b == 0", {0: 0, 60: 1}),
        ("a > 3 OR b > 1", {0: 1, 60: 1}),
        ("SUM(METRICS())", {0: 3, 60: 4, 120: 5, 180: 10}),
        ("AVG([a, b])", {0: 1.5, 60: 2, 120: 5, 180: 10}),
        ("MAX(METRICS('b')) + a", {0: 3, 60: 4}),
        ("a - MIN(a)", {0: 0, 60: 3, 180: 9}),
        ("a / AVG(a)", {0: 0.2, 60: 0.8, 180: 2}),
        ("FILL(a, 0)", {0: 1, 60: 4, 120: 0, 180: 10}),
        ("FILL(a, REPEAT)", {0: 1, 60: 4, 120: 4, 180: 10}),
        ("FILL(a, LINEAR)", {0: 1, 60: 4, 120: 7, 180: 10}),
        ("FILL(b, LINEAR)", {0: 2, 60: 0, 120: 5}),
        ("IF(a > 3, a, 0)", {0: 0, 60: 4, 180: 10}),
        ("IF(a > 3, b)", {60: 0}),
        ("RATE(a)", {60: 3 / 60, 180: 6 / 120}),
        ("DIFF(a)", {60: 3, 180: 6}),
        ("RUNNING_SUM(a)", {0: 1, 60: 5, 180: 15}),
        ("CEIL(a / 4)", {0: 1, 60: 1, 180: 3}),
    ],
)  # fmt: skip
def test_expressions_have_their_values(expression, series):
    (found,) = evaluate(expression, SCOPE)
    assert found == pytest.approx(series)


def test_an_array_gives_a_series_for_each_of_its_members():
    assert evaluate("METRICS() * 2", SCOPE) == [{0: 2, 60: 8, 180: 20}, {0: 4, 60: 0, 120: 10}]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("a +", "expected a metric math expression"),
        ("c", "expected the Id of a query"),
        ("1 + 1", "is a scalar"),
        ("SUM(a)", "is a scalar"),
        ("ANOMALY_DETECTION_BAND(a)", "does not support the function ANOMALY_DETECTION_BAND"),
        ("SEARCH('x', 'Sum', 300)", "does not support the function SEARCH"),
        ("SELECT AVG(CPU) FROM SCHEMA(a)", "expected a metric math expression"),
        ("a.real", "does not support"),
        ("__import__('os')", "does not support the function"),
        ("[one for one in a]", "does not support"),
        ("a + 'x'", "got a string"),
        ("FILL(a, 'x')", "expects a number, REPEAT or LINEAR"),
        ("IF(a)", "does not take these arguments"),
        ("True", "does not support"),
    ],
)
def test_what_is_no_expression_or_not_supported_is_refused(expression, message):
    with pytest.raises(ExpressionError, match=message):
        evaluate(expression, SCOPE)


def test_identifiers_are_those_of_queries():
    assert identifiers("IF(m1 > 3, m2, FILL(e1, REPEAT)) + SUM(METRICS('m'))") == {"m1", "m2", "e1"}
