"""Tests how lines are split into messages: objects on one line, and readings of a batch."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glue_jobs.telemetry.parsing import messages_on, objects_on
from tests.support.glue.reference_etl import split

CASES = [
    ('{"a":1}', ['{"a":1}']),
    ('{"a":1}{"b":2}', ['{"a":1}', '{"b":2}']),
    ('{"a":1},{"b":2}', ['{"a":1}', '{"b":2}']),
    ('  {"a":1} , {"b":2},\r', ['{"a":1}', '{"b":2}']),
    ('{"a":"}{"}{"b":2}', ['{"a":"}{"}', '{"b":2}']),
    ('{"a":"} , {"}', ['{"a":"} , {"}']),
    (r'{"a":"\"}{"}{"b":"\\"}{"c":3}', [r'{"a":"\"}{"}', r'{"b":"\\"}', '{"c":3}']),
    ('{"a":[{"x":1},{"x":2}]}{"b":2}', ['{"a":[{"x":1},{"x":2}]}', '{"b":2}']),
    ('[{"a":1},{"b":2}]', ['[{"a":1},{"b":2}]']),
    ('{"a":1}garbage{"b":2}', ['{"a":1}garbage{"b":2}']),
    ('{"a":1}{"b":', ['{"a":1}', '{"b":']),
    ('{"a":"never closed}{"b":2}', ['{"a":"never closed}{"b":2}']),
    ("", []),
    (" , ", []),
    ("not json", ["not json"]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_lines_are_split_between_objects_only(case: tuple[str, list[str]]) -> None:
    assert list(objects_on(case[0])) == case[1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_the_reference_agrees(case: tuple[str, list[str]]) -> None:
    assert split(case[0]) == case[1]


def test_many_objects_without_a_delimiter_are_all_found() -> None:
    objects = [json.dumps({"number": number, "text": "}{" * 3}) for number in range(3_000)]
    assert list(objects_on("".join(objects))) == objects


values = st.recursive(
    st.none() | st.integers() | st.text(alphabet='{}[]",\\ a', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3).map(json.dumps)
lines = st.lists(objects | st.text(alphabet='{}[]",\\ a', max_size=8), max_size=4)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # for a busy machine
@given(
    st.tuples(st.sampled_from(["", ",", " , "]), lines).map(lambda it: it[0].join(it[1])),
)
def test_random_lines_are_split_as_by_the_reference(line: str) -> None:
    assert list(objects_on(line)) == split(line)


SHARED = {"schema_version": 1, "device_id": "a", "boot_id": "b"}
STAMPS = {"thing_name": "a", "received_at": 5}


def of_batch(batch: dict[str, Any]) -> list[Any]:
    """Return the messages of a batch."""
    return [json.loads(text) for text in messages_on(json.dumps(batch))]


def test_each_reading_of_a_batch_is_a_message_with_the_shared_fields() -> None:
    readings = [{"sequence": 0, "ozone": 1.5}, {"sequence": 1, "firmware": "2"}]
    batch = {**SHARED, "firmware": "1", "readings": readings, **STAMPS}
    assert of_batch(batch) == [
        {**SHARED, "firmware": "1", "sequence": 0, "ozone": 1.5, **STAMPS},
        {**SHARED, "firmware": "2", "sequence": 1, **STAMPS},
    ]


def test_a_reading_cannot_set_the_rules_stamps() -> None:
    forged = {"sequence": 0, "thing_name": "other", "received_at": 0}
    assert of_batch({**SHARED, "readings": [forged], **STAMPS}) == [
        {**SHARED, "sequence": 0, **STAMPS}
    ]


def test_an_invalid_reading_stays_in_a_separate_batch() -> None:
    found = of_batch({**SHARED, "readings": [{"sequence": 0}, 5, {"sequence": 2}, None]})
    assert found == [
        {**SHARED, "sequence": 0},
        {**SHARED, "readings": [5]},
        {**SHARED, "sequence": 2},
        {**SHARED, "readings": [None]},
    ]


@pytest.mark.parametrize(
    "text", ['{"readings":[]}', '{"readings":{}}', '{"readings":null}', '{"a":"\\"readings\\""}']
)
def test_a_text_that_is_not_a_batch_is_unchanged(text: str) -> None:
    assert list(messages_on(text)) == [text]


def test_batches_may_share_a_line() -> None:
    batch = json.dumps({**SHARED, "readings": [{"sequence": 0}, {"sequence": 1}]})
    assert [json.loads(text)["sequence"] for text in messages_on(batch + batch)] == [0, 1, 0, 1]
