"""Queries of the lake: answered, refused, or stopped once nobody waits for them any more."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.lake import queries
from contracts.lake.queries import QueryError, QueryTimeoutError, query
from contracts.names import Names

NAMES = Names("dev", "123456789012", "eu-west-1")
PAGES = [
    {"ResultSet": {"Rows": [{"Data": [{"VarCharValue": "n"}, {"VarCharValue": "m"}]}]}},
    {"ResultSet": {"Rows": [{"Data": [{"VarCharValue": "1"}, {}]}]}},
]


class Athena:
    """Boto3's client, for one query; it passes through some states and stays in the last."""

    class exceptions:
        class InvalidRequestException(Exception):
            pass

    def __init__(self, *states: str, refuses_to_stop: bool = False) -> None:
        self._states = list(states)
        self._refuses = refuses_to_stop
        self.started: dict[str, Any] = {}
        self.stopped: list[str] = []

    def start_query_execution(self, **request):
        self.started = request
        return {"QueryExecutionId": "q1"}

    def get_query_execution(self, QueryExecutionId):
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        status = {"State": state} | ({"StateChangeReason": "a fault"} if state == "FAILED" else {})
        return {"QueryExecution": {"Status": status}}

    def stop_query_execution(self, QueryExecutionId):
        self.stopped.append(QueryExecutionId)
        if self._refuses:
            raise self.exceptions.InvalidRequestException("it has ended")
        return {}

    def get_paginator(self, _name):
        return self

    def paginate(self, QueryExecutionId):
        return PAGES


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(queries, "POLL_SECONDS", 0)


def test_rows_come_by_the_names_of_their_columns():
    athena = Athena("QUEUED", "RUNNING", "SUCCEEDED")
    assert query(athena, NAMES, "SELECT n") == [{"n": "1", "m": None}]
    assert athena.started["WorkGroup"] == NAMES.workgroup
    assert athena.started["QueryExecutionContext"] == {"Database": NAMES.database}
    assert athena.stopped == []


def test_a_query_that_takes_too_long_is_stopped():
    athena = Athena("RUNNING")
    expected = r"expected Athena to answer 'SELECT n' within 0 s; it was RUNNING .* \(query q1\)"
    with pytest.raises(QueryTimeoutError, match=expected):
        query(athena, NAMES, "SELECT n", patience=0)
    assert athena.stopped == ["q1"]


def test_a_query_that_ends_before_it_is_stopped_hides_no_error():
    athena = Athena("RUNNING", refuses_to_stop=True)
    with pytest.raises(QueryTimeoutError):
        query(athena, NAMES, "SELECT n", patience=0)
    assert athena.stopped == ["q1"]


def test_a_query_is_stopped_when_its_caller_is_interrupted(monkeypatch):
    def interrupted(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(queries.time, "sleep", interrupted)
    athena = Athena("RUNNING")
    with pytest.raises(KeyboardInterrupt):
        query(athena, NAMES, "SELECT n")
    assert athena.stopped == ["q1"]


def test_a_failed_query_is_no_timeout_and_says_why():
    athena = Athena("RUNNING", "FAILED")
    with pytest.raises(QueryError, match=r"'SELECT n' \(FAILED\): a fault") as caught:
        query(athena, NAMES, "SELECT n", patience=0.5)
    assert not isinstance(caught.value, QueryTimeoutError)
    assert athena.stopped == []
