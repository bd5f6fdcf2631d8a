from __future__ import annotations

import json

import jsonschema
import pytest

from contracts.messages import telemetry
from contracts.models.forecast_input import CategoryIndex, RecentHistory
from tests.support.message_schemas import batch_schema

READING = {
    "schema_version": 1,
    "device_id": "station-1",
    "boot_id": "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
    "sequence": 0,
    "timestamp": "2026-11-21T03:00:00Z",
    "ozone": 41.5,
    "particulate_matter": None,
    "longitude": 9.19,
    "latitude": 45.46,
}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = telemetry.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_schema_names_every_pollutant_and_the_identity() -> None:
    properties = telemetry.json_schema()["properties"]
    assert set(telemetry.POLLUTANTS) <= set(properties)
    assert set(telemetry.IDENTITY) <= set(telemetry.json_schema()["required"])


def test_reading_with_nulls_and_unknown_fields_is_valid(validator) -> None:  # type: ignore[no-untyped-def]
    assert validator.is_valid({**READING, "humidity": 40})


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2026-11-21T03:00:00"},
        {"timestamp": "2026-11-21T03:00:00+08:00"},
        {"sequence": -1},
        {"ozone": "41.5"},
        {"device_id": "../other"},
        {"schema_version": 2},
        {"latitude": 91},
    ],
)
def test_reading_that_breaks_the_contract_is_invalid(validator, change) -> None:  # type: ignore[no-untyped-def]
    assert not validator.is_valid({**READING, **change})


SHARED = {name: READING[name] for name in ("schema_version", "device_id", "boot_id")}
OWN = {name: value for name, value in READING.items() if name not in SHARED}


@pytest.fixture(scope="module")
def batch_validator() -> jsonschema.Draft202012Validator:
    schema = batch_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_batch_holds_readings_that_share_fields(batch_validator) -> None:  # type: ignore[no-untyped-def]
    next_boot = {**OWN, "boot_id": "00000000-0000-4000-8000-000000000000"}
    assert batch_validator.is_valid({**SHARED, "readings": [OWN, {**OWN, "sequence": 1}]})
    assert batch_validator.is_valid({**SHARED, "firmware": "1.2", "readings": [OWN, next_boot]})


@pytest.mark.parametrize(
    "readings",
    [
        [],
        {},
        None,
        [OWN, 5],
        [{**OWN, "ozone": "41.5"}],
        [{**OWN, "sequence": -1}],
        [{"sequence": 1}],
        [{**OWN, "device_id": "another"}],
        [{**OWN, "readings": [OWN]}],
    ],
)
def test_batch_that_breaks_the_contract_is_invalid(batch_validator, readings) -> None:  # type: ignore[no-untyped-def]
    assert not batch_validator.is_valid({**SHARED, "readings": readings})


def test_category_index_is_the_same_however_devices_are_ordered() -> None:
    one = CategoryIndex.of(["b", "a", "a"], telemetry.POLLUTANTS)
    two = CategoryIndex.of(["a", "b"], telemetry.POLLUTANTS)
    assert one == two == CategoryIndex.from_json(one.to_json())
    assert one.cat("b", "ozone") == [1, 0]


def test_a_grown_index_keeps_what_every_position_means() -> None:
    trained = CategoryIndex.of(["b", "d"], ["ozone"])
    grown = trained.extended(["a", "b", "c"], ["nitrogen_dioxide", "ozone"])
    assert grown.devices == ("b", "d", "a", "c")
    assert grown.pollutants == ("ozone", "nitrogen_dioxide")
    assert grown.begins_with(trained)
    assert not trained.begins_with(grown)
    assert not CategoryIndex.of(["a", "b", "d"], ["ozone"]).begins_with(trained)


def test_unknown_category_is_named() -> None:
    with pytest.raises(KeyError, match="device 'c' is not in the category index"):
        CategoryIndex.of(["a"], telemetry.POLLUTANTS).cat("c", "ozone")


def test_recent_history_survives_json() -> None:
    start, target, cat = "2026-11-21 00:00:00", {"ozone": [1.0, None]}, {"ozone": [0, 0]}
    history = RecentHistory("a", start, target, cat, {"ozone": [2.0, None]})
    assert RecentHistory.from_json(history.to_json()) == history
    before_there_was_an_area = {"device_id": "a", "start": start, "target": target, "cat": cat}
    assert RecentHistory.from_json(json.dumps(before_there_was_an_area)).area == {}
