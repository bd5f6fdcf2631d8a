"""Messages to readings: each is sound or has one reason, the same that the reference gives."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from glue_spark import spark
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F
from reference_etl import judge, split

from contracts.telemetry import POLLUTANTS
from glue_jobs.messages import messages_of_lines
from glue_jobs.readings import REASONS, classify

ARRIVED = datetime(2026, 6, 3, 10, tzinfo=UTC)
SOUND: dict[str, Any] = {
    "schema_version": 1,
    "device_id": "north",
    "boot_id": "b",
    "sequence": 7,
    "timestamp": "2026-06-01T12:00:00.25Z",
    "ozone": 61.5,
    "carbon_monoxide": None,
    "longitude": 11.5,
    "latitude": 48.1,
    "thing_name": "north",
    "received_at": int(ARRIVED.timestamp() * 1000) + 17,
}
LEGACY = {
    "timestamp": "2026-06-01 12:00:00",
    "particullate_matter": 7,
    "sulfure_dioxide": 2.5,
    "thing_name": "old",
}
GONE = object()


def changed(**changes: Any) -> str:
    fields = SOUND | changes
    return json.dumps({name: value for name, value in fields.items() if value is not GONE})


def classified(lines: list[str], published_by: str | None = None) -> list[dict[str, Any]]:
    """Rows of the lines' messages, each with the number of its line."""
    rows = spark().createDataFrame(list(enumerate(lines)), "number int, value string")
    messages = messages_of_lines(rows).select(
        "raw_line",
        F.col("number").cast("string").alias("source"),
        F.lit(ARRIVED).alias("arrived"),
        F.lit(published_by).cast("string").alias("published_by"),
    )
    found = classify(messages).withColumns(
        {
            "seconds": F.col("timestamp").cast("double"),
            "received": F.col("received_at").cast("double"),
        }
    )
    return [row.asDict() for row in found.drop("timestamp", "received_at").collect()]


REFUSED = [
    ("not json", "not_json", ""),
    ("[1]", "not_json", ""),
    ("null", "not_json", ""),
    ("5", "not_json", ""),
    (changed() + " trailing", "not_json", ""),
    (changed() + "}", "not_json", ""),
    (changed()[:-5], "not_json", ""),
    ('{"ozone": NaN}', "not_json", ""),
    (changed(ozone="12.5"), "wrong_type", "ozone: 12.5"),
    (changed(ozone="NaN"), "wrong_type", "ozone: NaN"),
    (changed(ozone=""), "wrong_type", "ozone: "),
    (changed(sequence=1.5, latitude=True), "wrong_type", "sequence: 1.5, latitude: true"),
    (changed(thing_name=GONE), "missing_thing_name", ""),
    (changed(schema_version=2), "unknown_version", "got 2"),
    (changed(thing_name="south"), "foreign_device", "north, published by south"),
    (changed(boot_id=GONE), "missing_identity", ""),
    (changed(sequence=None), "missing_identity", ""),
    (changed(device_id=GONE), "missing_identity", ""),
    (changed(boot_id=GONE, sequence=GONE), "missing_identity", ""),
    (changed(timestamp=GONE), "missing_time", ""),
    (changed(timestamp=None), "missing_time", ""),
    (changed(timestamp="yesterday"), "bad_time", "yesterday"),
    (changed(timestamp=1780000000), "bad_time", "1780000000"),
    (changed(timestamp="2026-06-31T00:00:00Z"), "bad_time", ""),
    (changed(timestamp="2026-06-01"), "bad_time", ""),
    (changed(timestamp="1970-01-01T00:00:05Z"), "out_of_range", "timestamp: 1970"),
    (changed(timestamp="2026-06-05T10:00:00Z"), "out_of_range", "timestamp: 2026-06-05"),
    (changed(latitude=95), "out_of_range", "latitude: 95"),
    (changed(sequence=-1), "out_of_range", "sequence: -1"),
    (changed(ozone=GONE)[:-1] + ', "ozone": 1e999}', "out_of_range", "ozone: Infinity"),
]


@pytest.fixture(scope="module")
def refused() -> list[dict[str, Any]]:
    rows = classified([line for line, _, _ in REFUSED])
    return sorted(rows, key=lambda row: int(row["source"]))


def test_what_is_wrong_is_told(refused: list[dict[str, Any]]) -> None:
    assert [row["reason"] for row in refused] == [reason for _, reason, _ in REFUSED]
    for row, (line, _, detail) in zip(refused, REFUSED, strict=True):
        assert detail in row["detail"], line
        assert row["raw_line"] == line


def test_every_reason_is_seen_here_and_explained(refused: list[dict[str, Any]]) -> None:
    assert {row["reason"] for row in refused} == set(REASONS)


def test_a_sound_message_becomes_its_reading() -> None:
    (row,) = classified([changed()])
    assert row["reason"] is row["detail"] is row["raw_line"] is None
    assert row["seconds"] == datetime(2026, 6, 1, 12, 0, 0, 250_000, UTC).timestamp()
    assert row["received"] == ARRIVED.timestamp() + 0.017
    assert (row["date"], row["arrival_date"]) == ("2026-06-01", "2026-06-03")
    assert (row["ozone"], row["carbon_monoxide"]) == (61.5, None)
    assert row["extra"] == {}


def test_messages_from_before_version_1_are_understood() -> None:
    (row,) = classified([json.dumps(LEGACY)])
    assert row["reason"] is None
    assert (row["device_id"], row["boot_id"], row["sequence"]) == ("old", None, None)
    assert (row["particulate_matter"], row["sulfur_dioxide"]) == (7.0, 2.5)
    assert row["seconds"] == datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()


def test_unknown_fields_are_kept_as_text() -> None:
    (row,) = classified([changed(firmware="1.2", tags=["a", {"b": 1}], missing=None)])
    assert row["extra"] == {"firmware": "1.2", "tags": '["a",{"b":1}]', "missing": None}


def test_offsets_are_taken_to_utc() -> None:
    (row,) = classified([changed(timestamp="2026-06-01T00:30:00+02:00")])
    assert row["date"] == "2026-05-31"


def test_the_topic_outweighs_what_a_message_says_of_itself() -> None:
    """Error documents tell the topic; the stamps in their payload are the device's own."""
    rows = classified([changed(thing_name="south", received_at=5)], published_by="north")
    assert [(row["reason"], row["thing_name"]) for row in rows] == [(None, "north")]
    assert rows[0]["received"] == ARRIVED.timestamp()
    (foreign,) = classified([changed()], published_by="south")
    assert foreign["reason"] == "foreign_device"


def test_text_that_is_no_unicode_is_made_readable() -> None:
    line = spark().sql("SELECT cast(unhex('ff20') AS string) || 'x' AS value, 0 AS number")
    messages = messages_of_lines(line).select(
        "raw_line",
        F.lit("k").alias("source"),
        F.lit(ARRIVED).alias("arrived"),
        F.lit(None).cast("string").alias("published_by"),
    )
    assert classify(messages).collect()[0]["raw_line"] == "\ufffd x"


fields = st.fixed_dictionaries(
    {},
    optional={
        "schema_version": st.sampled_from([None, 1, 2, "1"]),
        "device_id": st.sampled_from([None, "a", "b", 5]),
        "boot_id": st.sampled_from([None, "x"]),
        "sequence": st.sampled_from([None, -1, 0, 3, 2.5, "3", 2**70]),
        "timestamp": st.sampled_from(
            [None, "2026-06-01T00:00:00Z", "2026-06-01 00:00:00", "x", "2030-01-01T00:00:00Z", 1]
        ),
        "ozone": st.sampled_from([None, 1, 2.5, "2.5", True, [], {}]),
        "sulfure_dioxide": st.sampled_from([None, 1, "x"]),
        "latitude": st.sampled_from([None, 48.1, -91]),
        "thing_name": st.sampled_from([None, "a", "b", ""]),
        "received_at": st.sampled_from([None, SOUND["received_at"], 1.5]),
        "unknown": st.sampled_from([None, "}{", {"a": [1]}]),
    },
)
some = st.one_of(
    fields.map(json.dumps),
    fields.map(lambda it: json.dumps(SOUND | it)),
    st.sampled_from(["", "x", "{", "}", "[]", '"text"', changed(), changed()[1:]]),
)
glued = st.lists(some, min_size=1, max_size=3).map("".join)


@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # one example is hundreds of lines: the assertion names the faulty one
)
@given(st.lists(some | glued, min_size=200, max_size=400))
def test_every_message_ends_in_exactly_one_place_the_reference_s(lines: list[str]) -> None:
    expected = []
    for number, line in enumerate(lines):
        for text in split(line):
            reason, reading = judge(text, ARRIVED)
            expected.append((str(number), reason, reading if reason is None else text))
    names = ("device_id", "boot_id", "sequence", "seconds", *POLLUTANTS)
    found = [
        (
            row["source"],
            row["reason"],
            row["raw_line"] if row["reason"] else {name: row[name] for name in names},
        )
        for row in classified(lines)
    ]
    assert not [row for row in found if row not in expected]
    assert sorted(found, key=repr) == sorted(expected, key=repr)
