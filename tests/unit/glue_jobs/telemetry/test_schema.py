"""Tests that the JSON Schema, both parsers and the batch path agree on every message."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contracts.messages.telemetry import (
    POLLUTANTS,
    VERSIONS,
    field_types,
    json_schema,
)
from glue_jobs.telemetry.parsing import MessageParser
from glue_jobs.telemetry.validation import validated
from tests.support.glue.reference_etl import judge
from tests.support.glue.sound_message import SOUND
from tests.support.message_schemas import batch_schema

ARRIVED = datetime(2999, 12, 31, 23, tzinfo=UTC)
"""After all times below, so that no time is in the future."""

AGES = timedelta(days=999_999)

SCHEMA = Draft202012Validator(json_schema())
PARSER = MessageParser(field_types(VERSIONS))
SHARED = ("schema_version", "device_id", "boot_id")
BEYOND = 1.5e300
"""A placeholder for 1e400, which Python can read but not write."""


def text_of(fields: object) -> str:
    return json.dumps(fields).replace("1.5e+300", "1e400")


def rows(*lines: str) -> list[dict[str, Any]]:
    messages = PARSER.block("".join(f"{line}\n" for line in lines).encode())
    table = validated(messages, VERSIONS, "source", ARRIVED, "north", max_age=AGES)
    found = table.to_pylist()
    return [
        {**row, "extra": dict(row["extra"]), "rejected": dict(row["rejected"])} for row in found
    ]


def alike(row: dict[str, Any]) -> dict[str, Any]:
    """Return what must be equal whatever the way of a message."""
    return {name: row[name] for name in row if name not in ("raw_line", "detail")}


numbers = st.one_of(
    st.sampled_from([0, -0.0, 7, 7.0, 7.5, 1e2, 1e18, 2**63 - 1, 2**63, float(2**63), -1, BEYOND]),
    st.sampled_from([-0.4, -10, -10.5, 5_000, 5_001, 1e6, -600, 180, 180.5, 90, -91, -BEYOND]),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
others = st.sampled_from([None, True, False, "7", "", [], {}, [1], {"a": 1}])
dates = st.one_of(
    st.dates(date(1990, 1, 1)).map(str),
    st.builds(
        "{:04}-{:02}-{:02}".format,
        st.sampled_from([0, 1, 1999, 2000, 2023, 2024, 2100, 2400, 9999]),
        st.integers(0, 13),
        st.integers(0, 32),
    ),
)
clocks = st.one_of(
    st.builds("{:02}:{:02}:{:02}".format, *(st.integers(0, most) for most in (24, 60, 61))),
    st.sampled_from(["23:59:60", "00:00:60", "12:00", "23:59:59"]),
)
fractions = st.sampled_from(["", ".5", ".123456789", ".1234567890", "."])
times = st.builds(
    "{}T{}{}Z".format, dates | st.sampled_from(["2026-06-30", "2026-12-31"]), clocks, fractions
)
messages = st.tuples(
    st.fixed_dictionaries(
        {},
        optional={
            "schema_version": st.sampled_from([1, 1.0, 2, "1", True, 1.5]),
            "device_id": st.sampled_from(["north", "", "a/b", None, 5]),
            "boot_id": st.sampled_from(["b", "", None, 5, "é"]),
            "sequence": numbers | others,
            "timestamp": times | st.sampled_from(["x", "2026-06-01T12:00:00z", 5]),
            **dict.fromkeys(POLLUTANTS, numbers | others),
            "particullate_matter": numbers | others,
            "sulfure_dioxide": numbers | others,
            "longitude": numbers | others,
            "latitude": numbers | others,
            "note": numbers | others | st.text(max_size=3),
            "readings": st.just([]),
        },
    ),
    st.sets(st.sampled_from([*SOUND][1:]), max_size=1),  # not the version
).map(lambda pair: {k: v for k, v in (SOUND | pair[0]).items() if k not in pair[1]})


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(messages)
@example(SOUND | {"sequence": 7.0})
@example(SOUND | {"schema_version": 1.0})
@example(SOUND | {"timestamp": "2016-12-31T23:59:60Z"})
@example(SOUND | {"timestamp": "2016-12-30T23:59:60Z"})
@example(SOUND | {"note": BEYOND})
@example(SOUND | {"ozone": BEYOND})
@example(SOUND | {"ozone": BEYOND, "particulate_matter": 5})
@example(SOUND | {"particulate_matter": 5, "particullate_matter": 5})
@example(SOUND | {"particulate_matter": 5, "particullate_matter": 10_001})
@example(SOUND | {"sulfur_dioxide": None, "sulfure_dioxide": 6})
def test_the_schema_and_every_way_of_a_message_agree(fields: dict[str, Any]) -> None:
    text = text_of(fields)
    loaded = json.loads(text)
    valid = SCHEMA.is_valid(loaded)
    (row,) = rows(text)
    assert valid == (row["reason"] is None and not row["rejected"]), (row["reason"], row["detail"])
    assert judge(text_of(fields | {"thing_name": "north"}), ARRIVED, AGES)[0] == row["reason"]

    among = rows(text_of(SOUND), text, text_of(SOUND))
    assert alike(row) in [alike(one) for one in among]

    batch = {name: fields[name] for name in SHARED if name in fields}
    reading = {name: value for name, value in fields.items() if name not in SHARED}
    (member,) = rows(text_of({**batch, "readings": [reading]}))
    assert alike(member) == alike(row)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(messages, min_size=1, max_size=3))
def test_a_valid_batch_is_kept_whole(readings: list[dict[str, Any]]) -> None:
    batch = {**{name: SOUND[name] for name in SHARED}, "firmware": "1"}
    parts = [{k: v for k, v in one.items() if k not in SHARED} for one in readings]
    batch["readings"] = parts
    text = text_of(batch)
    found = rows(text)
    assert len(found) == len(parts)
    if Draft202012Validator(batch_schema()).is_valid(json.loads(text)):
        reasons = {row["reason"] for row in found}
        assert reasons <= {None, "no_position"}  # the position may come from batch and reading


def test_a_number_beyond_all_numbers_spares_the_other_readings_of_a_batch() -> None:
    parts = [{"sequence": n, "timestamp": SOUND["timestamp"], "ozone": 5} for n in range(2)]
    shared = {name: SOUND[name] for name in SHARED}
    found = rows(text_of({**shared, "uptime": BEYOND, "low": [-BEYOND], "readings": parts}))
    assert [row["reason"] for row in found] == [None, None]
    assert found[0]["extra"] == {"uptime": "1e999", "low": "[-1e999]"}
    (alone,) = rows(text_of(SOUND | {"uptime": BEYOND, "low": [-BEYOND], "x": 'Infinity"'}))
    assert alone["extra"] == found[0]["extra"] | {"x": 'Infinity"'}


def test_a_whole_number_of_any_length_is_read() -> None:
    long = "9" * 5_000
    text = f'{json.dumps(SOUND)[:-1]}, "uptime": {long}}}'
    assert rows(text)[0]["extra"] == {"uptime": "1e999"}
    assert rows(text.replace(long, "9" * 600))[0]["extra"] == {"uptime": "9" * 600}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2015-06-30T23:59:60.5Z", datetime(2015, 7, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2016-12-31T18:59:60-05:00", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31 23:59:60", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-30T23:59:60Z", None),
        ("2016-12-31T22:59:60Z", None),
        ("2016-12-31T23:59:61Z", None),
        ("9999-12-31T23:59:60Z", None),
    ],
)
def test_a_leap_second_is_the_start_of_the_next_day(
    written: str, expected: datetime | None
) -> None:
    (row,) = rows(text_of(SOUND | {"timestamp": written}))
    assert row["timestamp"] == expected
    assert row["reason"] == (None if expected else "bad_time")


@given(st.dates(date(1600, 1, 1), date(2999, 12, 31)))
def test_the_schema_knows_the_days_of_each_month(day: Any) -> None:
    pattern = re.compile(json_schema()["properties"]["timestamp"]["pattern"])
    assert bool(pattern.search(f"{day}T12:00:00Z")) == (day.year >= 2000)
    for number in range(29, 33):
        other = f"{day:%Y-%m}-{number:02}"
        try:
            exists = datetime.fromisoformat(other).year >= 2000
        except ValueError:
            exists = False
        assert bool(pattern.search(f"{other}T12:00:00Z")) == exists
