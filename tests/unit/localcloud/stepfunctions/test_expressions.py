"""Expressions of state machines are evaluated as Step Functions does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.services.stepfunctions import expressions


def evaluated(text, **states):
    return expressions.evaluate(f"{{% {text} %}}", states, {"null": None})


def test_the_exit_message_of_a_job_is_parsed():
    message = {"verdict": "accepted", "wql": 0.31, "mase": None, "reasons": "café"}
    result = {"ExitMessage": json.dumps(message)}
    assert evaluated("$parse($states.result.ExitMessage)", result=result) == message


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_json_lacks_fail_the_evaluation(number):
    with pytest.raises(expressions.ExpressionError):
        evaluated("$parse($states.result)", result=f'{{"mase": {number}}}')


@given(st.text())
def test_any_other_text_fails_the_evaluation_or_is_json(text):
    try:
        json.dumps(evaluated("$parse($states.input)", input=text), allow_nan=False)
    except expressions.ExpressionError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("$partition([1, 2, 3], 2.9)", [[1, 2], [3]]),
        ("$range(0, 10, 4)", [0, 4, 8]),
        ("$range(5, 0, -2)", [5, 3, 1]),
        ("$hash('a', 'SHA-1')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
        ("$random(7) = $random(7)", True),
        ("$random() < 1", True),
        ("$length($uuid())", 36),
        ("$parse('null')", None),
        ("$null", None),
        ("$states.input.a", None),
    ],
)
def test_functions_and_nulls_have_their_values(text, value):
    assert evaluated(text, input={"a": None}) == value


@pytest.mark.parametrize(
    "text",
    [
        "$eval('1')", "$nothing", "$states.input.b", "$states.result", "$partition([1], 0)",
        "$range(1, 2, 0)", "$hash('a', 'CRC')", "$parse('{')", "$toMillis('2026-01-01 00:00')",
        "1 + 'a'",
    ],
)  # fmt: skip
def test_what_fails_on_aws_fails(text):
    with pytest.raises(expressions.ExpressionError):
        evaluated(text, input={"a": None})
