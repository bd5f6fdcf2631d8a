"""Tests that each message is valid or has one reason, which equals the reference's."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contracts.lake.withdrawals import Withdrawal
from contracts.messages.limits import CONCENTRATIONS, Limit
from contracts.messages.telemetry import POLLUTANTS, VERSIONS, Version, field_types, json_schema
from glue_jobs.telemetry.parsing import MessageParser
from glue_jobs.telemetry.validation import REASONS, validated
from tests.support.glue.reference_etl import judge, split

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
OF_OBJECTS = {"damaged_object", "empty_object", "etl_error", "withdrawn"}
"""Reasons that a message does not have by itself."""


def changed(**changes: Any) -> str:
    fields = SOUND | changes
    return json.dumps({name: value for name, value in fields.items() if value is not GONE})


def classified(
    lines: list[str], published_by: str | None = None, versions: tuple[Version, ...] = VERSIONS
) -> list[dict[str, Any]]:
    """Return the rows of the lines' messages, each with the number of its line."""
    parser = MessageParser(field_types(versions))
    rows = [
        row
        for number, line in enumerate(lines)
        for row in validated(
            parser.block(f"{line}\n".encode()), versions, str(number), ARRIVED, published_by
        ).to_pylist()
    ]
    for row in rows:
        row["extra"] = dict(row["extra"])
        row["seconds"] = row["timestamp"] and row["timestamp"].timestamp()
        row["received"] = row["received_at"].timestamp()
    return rows


REFUSED = [
    ("not json", "not_json", ""),
    ("[1]", "not_json", ""),
    ("null", "not_json", ""),
    ("5", "not_json", ""),
    (changed() + " trailing", "not_json", ""),
    (changed() + "}", "not_json", ""),
    (changed()[:-5], "not_json", ""),
    ('{"ozone": NaN}', "not_json", ""),
    (changed(note="x" * 262_144), "too_large", "at most 262,144 characters; got 262,4"),
    (changed()[:-1] + f', "x": {"[" * 128}{"]" * 128}}}', "too_deep", "expected at most 128"),
    (changed(readings=[]), "bad_batch", "expected readings to be a list of objects; got []"),
    (changed(readings=None), "bad_batch", "got null"),
    (changed(readings=5), "bad_batch", "got 5"),
    (changed(ozone="12.5"), "wrong_type", 'expected ozone to be a number; got ozone: "12.5"'),
    (changed(ozone=""), "wrong_type", 'ozone: ""'),
    (changed(sequence=1.5, latitude=True), "wrong_type", "sequence: 1.5, latitude: true"),
    (changed(sequence=2**63), "wrong_type", "sequence to be a whole number of 64 bits"),
    (changed(timestamp=1780000000), "wrong_type", "timestamp to be text"),
    (changed(thing_name=GONE), "missing_thing_name", ""),
    *(
        (changed(thing_name=name, device_id=name), "bad_thing_name", "expected thing_name as [a-z")
        for name in ("x" * 129, "../../../escaped", "a\0b", "a/b", "ä", " a", "a\n", "a ")
    ),
    (changed(schema_version=2), "unknown_version", "expected schema_version 1; got 2"),
    (changed(schema_version=2**40), "unknown_version", "got 1099511627776"),
    (changed(thing_name="south"), "foreign_device", "expected device_id south; got north"),
    (changed(boot_id=GONE), "missing_identity", "boot_id, sequence; got device_id, sequence"),
    (changed(sequence=None), "missing_identity", ""),
    (changed(device_id=GONE), "missing_identity", ""),
    (changed(boot_id=GONE, sequence=GONE), "missing_identity", ""),
    (changed(timestamp=GONE), "missing_time", ""),
    (changed(timestamp=None), "missing_time", ""),
    (changed(timestamp="yesterday"), "bad_time", "yesterday"),
    (changed(timestamp="2026-06-31T00:00:00Z"), "bad_time", ""),
    (changed(timestamp="2026-06-01"), "bad_time", ""),
    (changed(timestamp="1970-01-01T00:00:05Z"), "before_2000", "2000-01-01T00:00:00Z on; got 1970"),
    (
        changed(timestamp="2000-01-01T00:00:05Z"),
        "too_old",
        "at most 400 days before its arrival at 2026-06-03T10:00:00Z; got 2000-01-01T00:00:05Z",
    ),
    (changed(timestamp="2025-04-29T09:59:59Z"), "too_old", ""),
    (
        changed(timestamp="2026-06-05T10:00:00Z"),
        "in_the_future",
        "at most 24 h after its arrival at 2026-06-03T10:00:00Z; got 2026-06-05T10:00:00Z",
    ),
    (changed(longitude=0, latitude=0.0), "no_position", "got longitude 0 and latitude 0"),
    (changed(latitude=95), "out_of_range", "expected latitude from -90 to 90; got 95.0"),
    (changed(sequence=-1), "out_of_range", "expected sequence from 0"),
    (
        changed(ozone=-10.5, nitrogen_dioxide=5_001),
        "impossible_concentration",
        "expected ozone from -10 to 5,000; got -10.5. "
        "expected nitrogen_dioxide from -10 to 5,000; got 5001.0",
    ),
    (
        changed(ozone=None, sulfure_dioxide=-15),
        "impossible_concentration",
        "sulfur_dioxide from -14 to 10,000",
    ),
    (
        changed(ozone=GONE)[:-1] + ', "ozone": 1e999}',
        "impossible_concentration",
        "got inf",
    ),
]


@pytest.fixture(scope="module")
def refused() -> list[dict[str, Any]]:
    rows = classified([line for line, _, _ in REFUSED])
    return sorted(rows, key=lambda row: int(row["source"]))


def test_a_refused_message_has_its_reason_and_detail(refused: list[dict[str, Any]]) -> None:
    assert [row["reason"] for row in refused] == [reason for _, reason, _ in REFUSED]
    for row, (line, _, detail) in zip(refused, REFUSED, strict=True):
        assert detail in row["detail"], line
        assert row["raw_line"] == line[:131_072]


def test_every_reason_occurs_here_and_is_explained(refused: list[dict[str, Any]]) -> None:
    assert {row["reason"] for row in refused} | OF_OBJECTS == set(REASONS)


def test_a_valid_message_becomes_its_reading() -> None:
    (row,) = classified([changed()])
    assert row["reason"] is row["detail"] is row["raw_line"] is None
    assert row["seconds"] == datetime(2026, 6, 1, 12, 0, 0, 250_000, UTC).timestamp()
    assert row["received"] == ARRIVED.timestamp() + 0.017
    assert (row["ozone"], row["carbon_monoxide"]) == (61.5, None)
    assert row["extra"] == {}


AT_THE_LIMITS = (
    {"sequence": 0, "longitude": -180, "latitude": 90, "ozone": 0, "carbon_monoxide": 1_000_000},
    {"sequence": 2**63 - 1, "longitude": 180, "latitude": -90, "ozone": 5_000},
    {"timestamp": "2025-04-29T10:00:00Z"},  # 400 days before it arrived
    {"timestamp": "2026-06-04T10:00:00.017Z"},  # a day after it arrived
    {"longitude": 0, "latitude": None},
)


@pytest.mark.parametrize("values", AT_THE_LIMITS)
def test_a_message_at_the_limits_is_valid(values: dict[str, Any]) -> None:
    assert [(row["reason"], row["detail"]) for row in classified([changed(**values)])] == [
        (None, None)
    ]


@pytest.mark.parametrize("limit", CONCENTRATIONS, ids=lambda limit: limit.field)
def test_values_slightly_below_zero_are_kept_and_impossible_ones_leave_the_others(
    limit: Limit,
) -> None:
    others = {name: 12.0 for name in POLLUTANTS if name != limit.field}
    for value in (-0.4, limit.low, limit.high):
        (row,) = classified([changed(**others, **{limit.field: value})])
        assert (row["reason"], row[limit.field], row["rejected"]) == (None, value, [])
    for value in (math.nextafter(limit.low, -math.inf), limit.high + 1, 1e308):
        (row,) = classified([changed(**others, **{limit.field: value})])
        assert row["reason"] is None
        assert {name: row[name] for name in POLLUTANTS} == others | {limit.field: None}
        assert row["rejected"] == [(limit.field, limit.complaint(float(value)))]


def test_the_schema_has_the_same_limits_of_concentrations() -> None:
    properties = json_schema()["properties"]
    for limit in CONCENTRATIONS:
        found = properties[limit.field]
        assert (found["minimum"], found["maximum"]) == (limit.low, limit.high)


def test_messages_from_before_version_1_are_understood() -> None:
    (row,) = classified([json.dumps(LEGACY)])
    assert row["reason"] is None
    assert (row["device_id"], row["boot_id"], row["sequence"]) == ("old", None, None)
    assert (row["particulate_matter"], row["sulfur_dioxide"]) == (7.0, 2.5)
    assert row["seconds"] == datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()


def test_a_value_under_an_old_name_beside_the_present_one_is_reported() -> None:
    (row,) = classified([changed(particulate_matter=5, particullate_matter=90)])
    assert (row["reason"], row["particulate_matter"]) == (None, 5)
    complaint = "expected particulate_matter under one name; got 90.0 as particullate_matter too"
    assert row["rejected"] == [("particullate_matter", complaint)]


def test_unknown_fields_are_kept_as_text() -> None:
    (row,) = classified([changed(firmware="1.2", tags=["a", {"b": 1}], missing=None)])
    assert row["extra"] == {"firmware": "1.2", "tags": '["a",{"b":1}]', "missing": None}


def test_times_with_offsets_are_converted_to_utc() -> None:
    (row,) = classified([changed(timestamp="2026-06-01T00:30:00+02:00")])
    assert row["timestamp"] == datetime(2026, 5, 31, 22, 30, tzinfo=UTC)


def test_the_topic_overrides_the_message() -> None:
    """Error documents contain the topic; the stamps in their payload are the device's own."""
    rows = classified([changed(thing_name="south", received_at=5)], published_by="north")
    assert [(row["reason"], row["thing_name"]) for row in rows] == [(None, "north")]
    assert rows[0]["received"] == ARRIVED.timestamp()
    (foreign,) = classified([changed()], published_by="south")
    assert foreign["reason"] == "foreign_device"


def test_the_age_is_measured_from_the_objects_hour_and_its_limit_is_a_setting() -> None:
    line = changed(timestamp="2016-06-03T10:00:00Z", received_at=1464948000000)
    assert [row["reason"] for row in classified([line])] == ["too_old"]
    messages = MessageParser(field_types(VERSIONS)).block(f"{line}\n".encode())
    years = timedelta(days=3653)
    (row,) = validated(messages, VERSIONS, "x", ARRIVED, None, max_age=years).to_pylist()
    assert row["reason"] is None


@pytest.mark.parametrize("stamp", [253_402_300_799_999, 2**62, -1, None])
def test_a_stamp_that_is_not_the_rules_does_not_move_the_arrival(stamp: int | None) -> None:
    (row,) = classified([changed(received_at=stamp)])
    assert row["received"] == ARRIVED.timestamp()
    (late,) = classified([changed(received_at=stamp, timestamp="9998-01-01T00:00:00Z")])
    assert late["reason"] == "in_the_future"


def test_a_withdrawn_reading_is_quarantined() -> None:
    taken = datetime(2026, 6, 1, 12, 0, 0, 250_000, UTC)
    messages = MessageParser(field_types(VERSIONS)).block(f"{changed()}\n".encode())

    def reason(**changes: Any) -> str | None:
        end = taken + timedelta(microseconds=1)
        one = replace(Withdrawal("north", taken, end, "x", made=taken), **changes)
        table = validated(messages, VERSIONS, "x", ARRIVED, None, withdrawals=(one,))
        found: str | None = table["reason"][0].as_py()
        return found

    assert reason() == reason(boot_id="b") == "withdrawn"
    assert reason(boot_id="other") is None
    assert reason(device_id="south") is None
    assert reason(start=taken - timedelta(hours=1), end=taken) is None


def test_lines_in_a_block_give_the_same_rows_as_single_lines() -> None:
    """Valid lines are parsed many at a time, the others one by one."""
    parser = MessageParser(field_types(VERSIONS))
    lines = [changed(sequence=number, firmware="1.2" if number % 97 == 0 else GONE)
             for number in range(300)]  # fmt: skip
    together = parser.block("\n".join(lines).encode()).sort_by("sequence")
    alone = pa.concat_tables(parser.block(f"{line}\n".encode()) for line in lines)
    names = [name for name in together.column_names if name != "raw_line"]
    assert together.select(names).to_pylist() == alone.select(names).to_pylist()
    texts = [text.rstrip("\n") for text in together["raw_line"].to_pylist()]
    assert texts == lines


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b'{"humidity": "\xff "}', '{"humidity": "\\udcff "}'),
        (b"\xef\xbb\xbf{}", "{}"),
        (b"{} \r", "{}"),
    ],
)
def test_bytes_that_are_not_utf_8_are_kept_apart(line: bytes, text: str) -> None:
    parser = MessageParser(field_types(VERSIONS))
    assert [row.rstrip("\n") for row in parser.block(line)["raw_line"].to_pylist()] == [text]


def test_the_last_of_equal_fields_is_used() -> None:
    (row,) = classified([changed()[:-1] + ', "ozone": 7}'])
    assert (row["reason"], row["ozone"]) == (None, 7.0)


def test_a_second_version_needs_only_its_entry() -> None:
    """Version 2 has shorter names of pollutants, and takes the device from the topic."""
    second = Version(
        number=2,
        fields={
            "boot_id": "text",
            "sequence": "integer",
            "timestamp": "text",
            "o3": "number",
            "no2": "number",
        },
        identity=("boot_id", "sequence"),
        spellings={"o3": "ozone", "no2": "nitrogen_dioxide"},
    )
    line = changed(schema_version=2, device_id=GONE, ozone=GONE, o3=40, no2=3.5)
    (row,) = classified([line], versions=(*VERSIONS, second))
    assert row["reason"] is None
    assert (row["device_id"], row["schema_version"], row["extra"]) == ("north", 2, {})
    assert (row["ozone"], row["nitrogen_dioxide"]) == (40.0, 3.5)
    first, incomplete = classified(
        [changed(), changed(schema_version=2, boot_id=GONE)], versions=(*VERSIONS, second)
    )
    assert (first["reason"], first["ozone"]) == (None, 61.5)
    assert incomplete["detail"] == "expected boot_id, sequence; got sequence"
    assert classified([line])[0]["reason"] == "unknown_version"


def test_a_field_has_one_type_in_all_versions() -> None:
    with pytest.raises(ValueError, match=r"version 3: expected sequence to be integer.*got text"):
        field_types((*VERSIONS, Version(number=3, fields={"sequence": "text"})))


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
        "ozone": st.sampled_from([None, 1, 2.5, -1, -11, 9_000, "2.5", True, [], {}]),
        "carbon_monoxide": st.sampled_from([None, 5, 2_000_000]),
        "sulfure_dioxide": st.sampled_from([None, 1, -15, "x"]),
        "longitude": st.sampled_from([None, 11.5, 0]),
        "latitude": st.sampled_from([None, 48.1, -91, 0.0]),
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
    phases=[Phase.generate],  # an example has hundreds of lines: the assertion names the faulty one
)
@given(st.lists(some | glued, min_size=200, max_size=400))
def test_every_message_has_exactly_one_result_which_is_the_references(lines: list[str]) -> None:
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
