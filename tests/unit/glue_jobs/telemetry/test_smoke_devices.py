"""Runs leave the messages of smoke tests out; a smoke test's own run reads no others."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest

from contracts.messages.telemetry import SMOKE_DEVICES, VERSIONS, field_types
from glue_jobs.telemetry import messages
from glue_jobs.telemetry.messages import Packing, rows_of_object
from glue_jobs.telemetry.packing import unpacked
from glue_jobs.telemetry.parsing import MessageParser
from tests.support.glue.sound_message import DELIVERED

PARSER = MessageParser(field_types(VERSIONS))
SMOKE = f"{SMOKE_DEVICES}dev-1-a"
OTHER_SMOKE = f"{SMOKE_DEVICES}dev-2-a"
ORDINARY = Packing("telemetry/")
OF_ONE_TEST = Packing("telemetry/", only_devices=f"{SMOKE_DEVICES}dev-1")


def line(thing: str, **changes: Any) -> str:
    return json.dumps(DELIVERED | {"thing_name": thing, "device_id": thing} | changes)


def things(how: Packing, content: bytes, read_object: Any = messages._delivered) -> list[Any]:
    """The things, and reasons for quarantine, of an object's messages."""
    packed = rows_of_object(
        PARSER, how, read_object, "/x/2026/06/03/10/object", io.BytesIO(content)
    )
    rows = [row for batch in packed for row in batch.to_pylist()]
    return [
        one.get("thing_name") if row["reason"] is None else row["reason"]
        for row in rows
        for one in unpacked([row["payload"]]).to_pylist()
    ]


MIXED = "\n".join([line("north"), line(SMOKE), line(OTHER_SMOKE), line("south"), ""]).encode()


def test_an_ordinary_run_leaves_smoke_devices_out():
    assert things(ORDINARY, MIXED) == ["north", "south"]


def test_the_run_of_a_smoke_test_reads_its_own_devices_only():
    assert things(OF_ONE_TEST, MIXED) == [SMOKE]


@pytest.mark.parametrize("change", [{"timestamp": "now"}, {"extra": 1}], ids=str)
def test_the_same_is_true_of_messages_that_are_read_one_by_one(change):
    texts = [line("north", **change), line(SMOKE, **change)]
    kept = things(ORDINARY, "\n".join([*texts, "no json", ""]).encode())

    assert len(kept) == 2
    assert "not_json" in kept
    assert len(things(OF_ONE_TEST, "\n".join([*texts, "no json", ""]).encode())) == 1


def test_a_message_that_cannot_be_read_names_no_device_and_is_quarantined_by_ordinary_runs():
    unread = f"{line(SMOKE, ozone='a lot')}\n".encode()

    assert things(ORDINARY, unread) == ["wrong_type"]
    assert things(OF_ONE_TEST, unread) == []


def test_a_batch_of_a_smoke_device_is_left_out():
    reading = {"sequence": 1, "timestamp": DELIVERED["timestamp"]}
    batch = line(SMOKE, readings=[reading, reading | {"sequence": 2}])

    assert things(ORDINARY, f"{batch}\n".encode()) == []
    assert things(OF_ONE_TEST, f"{batch}\n".encode()) == [SMOKE, SMOKE]


def test_messages_that_the_rule_could_not_forward_are_told_apart_by_their_topic():
    def failed(thing: str) -> bytes:
        payload = base64.b64encode(line(thing).encode()).decode()
        return json.dumps(
            {"topic": f"telemetry/{thing}", "base64OriginalPayload": payload}
        ).encode()

    assert len(things(ORDINARY, failed("north"), messages._failed)) == 1
    assert things(ORDINARY, failed(SMOKE), messages._failed) == []
    assert len(things(OF_ONE_TEST, failed(SMOKE), messages._failed)) == 1
    assert things(OF_ONE_TEST, failed("north"), messages._failed) == []


def test_an_empty_object_of_others_is_no_matter_of_the_smoke_test():
    assert things(ORDINARY, b"") == ["empty_object"]
    assert things(OF_ONE_TEST, MIXED.replace(b"-dev-1", b"-dev-3")) == []
