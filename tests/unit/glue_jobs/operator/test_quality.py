"""Tests the expectations of the tables with DuckDB, on valid and invalid rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.lake.expectations import EXPECTATIONS, FRESH_HOURS, ruleset
from glue_jobs.operator.quality import findings

duckdb = pytest.importorskip("duckdb")  # not part of Glue

NOW = datetime.now(UTC)
READING: dict[str, Any] = {
    "device_id": "north",
    "boot_id": "b",
    "sequence": 1,
    "timestamp": NOW,
    "received_at": NOW,
    "ozone": 40.0,
    "particulate_matter": None,
    "carbon_monoxide": 0.0,
    "sulfur_dioxide": 10_000.0,
    "nitrogen_dioxide": None,
    "longitude": -180.0,
    "latitude": 90.0,
    "date": "2026-06-03",
}
LEGACY = {**READING, "device_id": "old", "boot_id": None, "sequence": None}
LATER = {**LEGACY, "timestamp": NOW - timedelta(hours=1)}
SOUND = [READING, {**READING, "sequence": 2}, LEGACY, LATER]
TYPES = {
    "sequence": "BIGINT",
    **dict.fromkeys(("device_id", "boot_id", "pollutant", "date"), "VARCHAR"),
    **dict.fromkeys(("timestamp", "received_at", "hour"), "TIMESTAMPTZ"),
}
POINT = {"device_id": "north", "pollutant": "ozone", "hour": NOW, "value": None, "date": "d"}


@pytest.fixture
def database() -> Iterator[Any]:
    with duckdb.connect() as connection:
        yield connection


def missed(database: Any, table: str, rows: list[dict[str, Any]]) -> list[str]:
    """Return the expectations that rows do not meet."""
    names = list(READING if table == "telemetry" else POINT)
    typed = ", ".join(f"{name} {TYPES.get(name, 'DOUBLE')}" for name in names)
    database.execute(f"CREATE OR REPLACE TABLE {table} ({typed})")
    for row in rows:
        marks = ", ".join("?" * len(names))
        database.execute(f"INSERT INTO {table} VALUES ({marks})", [row[name] for name in names])

    def ask(sql: str) -> list[dict[str, str | None]]:
        result = database.execute(sql)
        labels = [column[0] for column in result.description]
        return [
            {k: None if v is None else str(v) for k, v in zip(labels, row, strict=True)}
            for row in result.fetchall()
        ]

    found = findings(ask, table, EXPECTATIONS[table])
    return [one.expectation.says for one in found if not one.holds]


def test_valid_readings_and_series_meet_the_expectations(database: Any) -> None:
    assert missed(database, "telemetry", SOUND) == []
    series = [POINT, {**POINT, "pollutant": "carbon_monoxide", "value": 900_000.0}]
    assert missed(database, "series_hourly", series) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"device_id": None}, "device_id is complete"),
        ({"timestamp": None}, "timestamp is complete"),
        ({"ozone": -10.1}, "ozone is -10 to 5000"),
        ({"carbon_monoxide": 1_000_001.0}, "carbon_monoxide is -600 to 1000000"),
        ({"longitude": 180.5}, "longitude is -180 to 180"),
        ({}, "identity with time is unique"),
    ],
)
def test_one_invalid_reading_is_found(database: Any, change: dict, expected: str) -> None:
    bad = {**READING, "sequence": 3, **change} if change else READING
    assert missed(database, "telemetry", [*SOUND, bad]) == [expected]


def test_readings_of_old_devices_are_distinguished_by_their_time(database: Any) -> None:
    assert missed(database, "telemetry", [*SOUND, LATER]) == ["identity with time is unique"]


def test_missing_and_stale_readings_are_found(database: Any) -> None:
    stale = {**READING, "received_at": NOW - timedelta(hours=FRESH_HOURS + 1)}
    old = f"newest received_at is at most {FRESH_HOURS} hours old"
    assert missed(database, "telemetry", [stale]) == [old]
    assert missed(database, "telemetry", []) == ["has rows", old]
    assert missed(database, "series_hourly", []) == ["has rows"]


def test_a_series_has_one_value_per_hour_within_its_pollutants_range(database: Any) -> None:
    assert missed(database, "series_hourly", [POINT, POINT]) == [
        "device, pollutant and hour is unique"
    ]
    assert missed(database, "series_hourly", [{**POINT, "value": 5001.0}]) == [
        "value is -10 to 5000 where pollutant = 'ozone'"
    ]


def test_rulesets_are_written_as_dqdl() -> None:
    text = ruleset(EXPECTATIONS["telemetry"])
    assert text.startswith("Rules = [\n    RowCount > 0,\n")
    assert text.endswith("\n]")
    rules = text.removeprefix("Rules = [\n").removesuffix("\n]").split(",\n")
    forms = (
        r"RowCount > 0",
        r'IsComplete "\w+"',
        r'ColumnValues "\w+" [<>]= -?\d+ where "[^"]+"',
        r'CustomSql "SELECT [^"]+ FROM primary" (= 0|<= \d+)',
    )
    for rule in rules:
        assert any(re.fullmatch(form, rule.strip()) for form in forms), rule
    assert '    ColumnValues "ozone" <= 5000 where "ozone IS NOT NULL"' in rules
