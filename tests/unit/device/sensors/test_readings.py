"""The telemetry message of a reading."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from contracts.messages.telemetry import POLLUTANTS, json_schema
from device.replay.fleet import broken_messages
from device.sensors.readings import Boot, Reading, Station, rfc3339
from device.sensors.simulation import SITES, LiveSimulation, SimulatedRecording

STATION = Station("harbour", 3.182, 51.321)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
VALIDATOR = Draft202012Validator(json_schema(), format_checker=FormatChecker())


def reading(**concentrations: float | None) -> Reading:
    return Reading(7, NOON, concentrations)


def test_a_message_has_identity_time_location_and_every_pollutant():
    boot = Boot.new("harbour")
    message = json.loads(boot.message(STATION, reading(ozone=41.5)).payload)
    assert message == {
        "schema_version": 1,
        "device_id": "harbour",
        "boot_id": str(boot.boot_id),
        "sequence": 7,
        "timestamp": "2026-06-01T12:00:00Z",
        "longitude": 3.182,
        "latitude": 51.321,
        "ozone": 41.5,
        **dict.fromkeys(set(POLLUTANTS) - {"ozone"}),
    }


def test_recorded_and_live_messages_fulfil_the_contract():
    end = datetime(2025, 2, 1, tzinfo=UTC)
    recorded = SimulatedRecording(SITES[0], end - timedelta(days=10), end)
    live = LiveSimulation(SITES[0], clock=lambda: end + timedelta(milliseconds=1234))
    boot = Boot.new("harbour")
    messages = list(boot.messages(STATION, recorded.readings()))
    messages.append(boot.message(STATION, next(live.readings())))
    for message in messages:
        VALIDATOR.validate(json.loads(message.payload))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_infinity_are_rejected(value):
    with pytest.raises(ValueError, match="JSON compliant"):
        Boot.new("harbour").message(STATION, reading(ozone=value))


def test_every_start_has_a_new_boot_id():
    assert Boot.new("harbour") != Boot.new("harbour")


def test_replays_share_a_boot_only_if_device_and_source_are_equal():
    assert Boot.of_recording("harbour", "a") == Boot.of_recording("harbour", "a")
    assert Boot.of_recording("harbour", "a") != Boot.of_recording("harbour", "b")
    assert Boot.of_recording("harbour", "a") != Boot.of_recording("hillside", "a")


def test_a_repeated_replay_gives_the_same_bytes():
    end = datetime(2025, 2, 1, tzinfo=UTC)
    week, day = (SimulatedRecording(SITES[0], end - timedelta(days=days), end) for days in (7, 1))
    whole, part = (
        [m.payload for m in Boot.of_recording("h", r.source).messages(STATION, r.readings())]
        for r in (week, day)
    )
    assert part == whole[-len(part) :]


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-06-01T12:00:00Z"),
        (NOON + timedelta(microseconds=250_000), "2026-06-01T12:00:00.250Z"),
        (NOON.astimezone(timezone(timedelta(hours=8))), "2026-06-01T12:00:00Z"),
    ],
)
def test_times_are_written_in_utc(moment, text):
    assert rfc3339(moment) == text


def test_a_time_without_zone_is_rejected():
    with pytest.raises(ValueError, match="with its time zone"):
        rfc3339(datetime(2026, 6, 1))  # noqa: DTZ001


def test_each_broken_message_has_another_error():
    not_json, without_time, text_in_number = (
        message.payload for message in broken_messages(Boot.new("harbour"))
    )
    with pytest.raises(json.JSONDecodeError):
        json.loads(not_json)
    assert "timestamp" not in json.loads(without_time)
    [error] = VALIDATOR.iter_errors(json.loads(without_time))
    assert error.validator == "required"
    [error] = VALIDATOR.iter_errors(json.loads(text_in_number))
    assert list(error.absolute_path) == ["ozone"]
