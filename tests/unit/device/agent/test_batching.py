"""Batches: readings of one boot in one message, in order, valid by the schema and within 128 KB."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from contracts.messages.telemetry import MAX_PAYLOAD_BYTES, MESSAGE_LIMIT_BYTES
from device.agent.batching import MAX_READINGS, Batch, Batching, batches
from device.outbox.store import Parcel
from device.sensors.readings import Boot, Reading, Station
from tests.support.message_schemas import batch_schema

TOPIC = "telemetry/harbour"
START = datetime(2026, 6, 1, tzinfo=UTC)
PLACES = (Station("harbour", 3.18, 51.32), Station("harbour", 3.19, 51.32))
BOOTS = tuple(Boot("harbour", uuid.UUID(int=number)) for number in (1, 2))

VALIDATOR = Draft202012Validator(batch_schema(), format_checker=FormatChecker())


def payload(sequence: int, boot: Boot = BOOTS[0], place: Station = PLACES[0]) -> bytes:
    values = {"ozone": round(sequence / 7, 1), "carbon_monoxide": None}
    return boot.message(
        place, Reading(sequence, START + timedelta(seconds=sequence), values)
    ).payload


def parcels(payloads: Sequence[bytes], topic: str = TOPIC) -> list[Parcel]:
    return [Parcel(number, topic, each) for number, each in enumerate(payloads, start=1)]


def readings(batch: Batch) -> list[dict]:
    """Return the single messages that a batch is equivalent to by its contract."""
    body = json.loads(batch.payload)
    if "readings" not in body:
        return [body]
    VALIDATOR.validate(body)
    return [{**body, **reading} for reading in body.pop("readings")]


def test_a_batch_fulfils_the_contract_and_preserves_each_reading():
    payloads = [payload(n) for n in range(3)]
    [batch] = batches(parcels(payloads), 3)
    assert json.loads(batch.payload)["readings"][1] == {
        "sequence": 1,
        "timestamp": "2026-06-01T00:00:01Z",
        "ozone": 0.1,
        "particulate_matter": None,
        "carbon_monoxide": None,
        "sulfur_dioxide": None,
        "nitrogen_dioxide": None,
    }
    assert readings(batch) == [json.loads(each) for each in payloads]
    assert (batch.numbers, batch.topic, batch.closed) == ([1, 2, 3], TOPIC, True)


def test_a_batch_is_shorter_than_its_separate_messages():
    payloads = [payload(n) for n in range(30)]
    [batch] = batches(parcels(payloads), 30)
    assert len(batch.payload) < 0.6 * sum(map(len, payloads))
    assert len(batch.payload) < 5 * 1024  # AWS meters this as one message


def test_a_last_batch_that_is_not_full_may_still_grow():
    first, last = batches(parcels([payload(n) for n in range(5)]), 3)
    assert (len(first.numbers), first.closed) == (3, True)
    assert (len(last.numbers), last.closed) == (2, False)


@pytest.mark.parametrize(
    "other",
    [
        payload(1, boot=BOOTS[1]),
        payload(1, place=PLACES[1]),
        payload(1).replace(b'"schema_version":1', b'"schema_version":2'),
        payload(1)[:-20],
        b"[1, 2]",
        b"\xff\xfe",
        json.dumps({"ozone": 1.0, "timestamp": "2019-05-01 10:00:00"}).encode(),
        payload(1).replace(b"null", b"NaN", 1),
        payload(1).replace(b'"ozone":', b'"readings":'),
    ],
    ids=[
        "boot",
        "place",
        "version",
        "truncated",
        "list",
        "not text",
        "no identity",
        "NaN",
        "batch",
    ],
)
def test_a_message_that_cannot_join_a_batch_is_sent_alone_and_unchanged(other):
    found = list(batches(parcels([payload(0), other, payload(2)]), 10))
    assert [batch.payload for batch in found] == [payload(0), other, payload(2)]


def test_a_message_that_is_not_a_reading_is_not_delayed():
    [batch] = batches(parcels([b"{"]), 10)
    assert (batch.payload, batch.closed) == (b"{", True)


def test_another_topic_is_another_message():
    here, there = parcels([payload(0), payload(1)])
    assert len(list(batches([here, there._replace(topic="telemetry/b")], 10))) == 2


def test_no_batch_exceeds_the_brokers_limit():
    long = [
        payload(n).replace(b'"ozone":', b'"note":"' + b"x" * 2000 + b'","ozone":')
        for n in range(200)
    ]
    found = list(batches(parcels(long), MAX_READINGS))
    assert all(len(batch.payload) <= MAX_PAYLOAD_BYTES < MESSAGE_LIMIT_BYTES for batch in found)
    assert len(found) == 4
    assert [r for batch in found for r in readings(batch)] == [json.loads(each) for each in long]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(BOOTS), st.sampled_from(PLACES)), max_size=25),
    st.integers(1, 6),
)
def test_no_reading_is_reordered_lost_or_put_into_another_boots_batch(kinds, limit):
    payloads = [payload(n, boot, place) for n, (boot, place) in enumerate(kinds)]
    found = list(batches(parcels(payloads), limit))
    assert [n for batch in found for n in batch.numbers] == list(range(1, len(payloads) + 1))
    assert [r for batch in found for r in readings(batch)] == [json.loads(p) for p in payloads]
    for batch in found:
        assert len(batch.numbers) <= limit
        assert len({r["boot_id"] for r in readings(batch)}) == 1
    assert all(batch.closed for batch in found[:-1])


@pytest.mark.parametrize("readings", [0, -1, MAX_READINGS + 1])
def test_a_batch_size_of_zero_or_too_many_readings_is_rejected(readings):
    with pytest.raises(ValueError, match=f"1 to 400 readings; got {readings}"):
        Batching(readings)


def test_a_negative_wait_is_rejected():
    with pytest.raises(ValueError, match="can't wait"):
        Batching(10, timedelta(seconds=-1))
