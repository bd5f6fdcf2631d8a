"""Lines to messages: objects on one line are told apart, whatever their strings hold."""

from __future__ import annotations

import json

import pytest
from glue_spark import spark
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from reference_etl import split

from glue_jobs.messages import messages_of_lines

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


def messages(lines: list[str]) -> list[list[str]]:
    """Messages of each line."""
    rows = messages_of_lines(
        spark().createDataFrame(list(enumerate(lines)), "number int, value string")
    ).collect()
    found: list[list[str]] = [[] for _ in lines]
    for row in rows:
        found[row["number"]].append(row["raw_line"])
    return found


def test_lines_are_split_between_objects_only() -> None:
    assert messages([line for line, _ in CASES]) == [expected for _, expected in CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_the_reference_agrees(case: tuple[str, list[str]]) -> None:
    assert split(case[0]) == case[1]


def test_many_objects_without_a_delimiter_are_all_found() -> None:
    objects = [json.dumps({"number": number, "text": "}{" * 3}) for number in range(3_000)]
    assert messages(["".join(objects)]) == [objects]


values = st.recursive(
    st.none() | st.integers() | st.text(alphabet='{}[]",\\ a', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3).map(json.dumps)
lines = st.lists(objects | st.text(alphabet='{}[]",\\ a', max_size=8), max_size=4)


@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(
    st.lists(
        st.tuples(st.sampled_from(["", ",", " , "]), lines).map(lambda it: it[0].join(it[1])),
        min_size=150,
        max_size=300,
    )
)
def test_random_lines_are_split_as_one_character_after_the_other_would(some: list[str]) -> None:
    assert messages(some) == [split(line) for line in some]
