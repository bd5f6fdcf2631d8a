"""Expressions of state machines, as ministack evaluates them with the local cloud's corrections."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ministack.services import stepfunctions

from localcloud.services.stepfunctions import expressions


@pytest.fixture(autouse=True)
def corrected(monkeypatch):
    monkeypatch.setattr(stepfunctions, "_sfn_jsonata_parse", stepfunctions._sfn_jsonata_parse)
    expressions.install()


def evaluated(text):
    return stepfunctions._evaluate_jsonata(
        "$parse($states.result.ExitMessage)", {}, {}, {"ExitMessage": text}
    )


def test_the_exit_message_of_a_job_is_parsed():
    message = {"verdict": "accepted", "wql": 0.31, "mase": None, "reasons": "café"}
    assert evaluated(json.dumps(message)) == message


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_json_lacks_fail_the_execution(number):
    with pytest.raises(stepfunctions._ExecutionError) as failed:
        evaluated(f'{{"mase": {number}}}')
    assert failed.value.error == "States.QueryEvaluationError"


@given(st.text())
def test_any_other_text_fails_the_execution_or_is_json(text):
    try:
        json.dumps(expressions.parse(text), allow_nan=False)
    except ValueError as error:
        assert str(error)
