"""Tests one window with every hostile message and object: it ends, and each of them is counted."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from contracts.json_text import parsed
from contracts.lake.locations import arrival_prefix
from glue_jobs.runs.arguments import TelemetryArguments
from glue_jobs.telemetry_to_parquet import run
from tests.support.glue.hostile_messages import HOSTILE, KEPT, Outcome
from tests.support.glue.hostile_objects import HOSTILE_OBJECTS
from tests.support.glue.spark import spark

TEN = datetime(2026, 6, 3, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEVICE = "north"
STAMPS = {"thing_name": DEVICE, "received_at": int(TEN.timestamp() * 1000)}
PARTS: dict[int, list[dict[str, Any]]] = {
    0: [{"ozone": 41.0}, {"nitrogen_dioxide": 12.0}, {"ozone": 41.0}],
    1: [{"carbon_monoxide": 300.0}, {"ozone": 43.0}],
    2: [{"nitrogen_dioxide": 12.0}, {"sulfure_dioxide": 5.0}, {"particullate_matter": 6.0}],
}
"""Messages of one time from an old device, by the hour of arrival; it sent two values of ozone."""


class Lake:
    """A lake with its buckets in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.landed = 0

    def land(self, bucket: str, name: str, content: bytes, hour: int = 0) -> None:
        path = self.root / bucket / arrival_prefix(TEN + hour * HOUR) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.landed += 1

    def run(self, hours: int) -> dict[str, Any]:
        names = ("raw_telemetry", "raw_errors", "telemetry", "quarantine")
        places: dict[str, Any] = {name: f"file://{self.root}/{name}/" for name in names}
        return run(
            spark(),
            TelemetryArguments(
                **places,
                start=TEN,
                end=TEN + hours * HOUR,
                run_id="r",
                max_reading_age=timedelta(days=7_300),
            ),
        )

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a table, read without Spark, in a fixed order."""
        rows = DeltaTable(f"file://{self.root}/{name}/").to_pyarrow_table().to_pylist()
        return sorted(rows, key=repr)


def expected_of(lake: Lake) -> dict[str, Outcome]:
    """Land everything, and return the outcomes by mark or by name of the object."""
    expected: dict[str, Outcome] = {}
    lines = []
    for number, one in enumerate(HOSTILE):
        payload = one.payload_of(DEVICE, f"by-error-{number}-", TEN)
        encoded = base64.b64encode(payload).decode()
        document = {"topic": f"telemetry/{DEVICE}", "base64OriginalPayload": encoded}
        lake.land("raw_errors", f"{number}.json", json.dumps(document).encode())
        expected[f"by-error-{number}-"] = one.outcome
        payload = one.payload_of(DEVICE, f"by-rule-{number}-", TEN)
        try:
            message = parsed(payload)
        except ValueError:
            continue  # the rule refuses it
        if isinstance(message, dict):
            lines.append(json.dumps(message | STAMPS))
            expected[f"by-rule-{number}-"] = one.outcome
    lake.land("raw_telemetry", "messages.gz", gzip.compress("\n".join(lines).encode()))
    for number, thing in enumerate(HOSTILE_OBJECTS):
        fields = {
            "schema_version": 1,
            "device_id": DEVICE,
            "boot_id": f"object-{number}-",
            "sequence": 7,
            "timestamp": "2026-06-03T09:00:00Z",
            "ozone": 61.5,
            **STAMPS,
        }
        lake.land("raw_telemetry", thing.name, thing.content(fields))
        outcome = Counter(set(thing.outcome)) if thing.any_number else thing.outcome
        expected[f"object-{number}-"] = outcome
    for hour, parts in PARTS.items():
        old = {"thing_name": "old", "timestamp": "2026-06-01T12:00:00Z"}
        text = "\n".join(json.dumps(old | part) for part in parts)
        lake.land("raw_telemetry", "old", text.encode(), hour)
    return expected


def found_in(lake: Lake, marks: dict[str, Outcome]) -> dict[str, Outcome]:
    """Return the outcomes in the tables by mark."""
    found: dict[str, Outcome] = {mark: Counter() for mark in marks}
    for row in lake.rows("telemetry"):
        if row["boot_id"] is not None:
            found[row["boot_id"]][KEPT] += 1
    of_object = {
        f"telemetry/{arrival_prefix(TEN)}{one.name}": (f"object-{number}-", one.any_number)
        for number, one in enumerate(HOSTILE_OBJECTS)
    }
    for row in lake.rows("quarantine"):
        mark, any_number = of_object.get(row["source"], ("", False))
        if not mark:
            text = row["raw_line"].replace("\0", "")
            (mark,) = (mark for mark in marks if mark in text)
        if not (any_number and found[mark][row["reason"]]):
            found[mark][row["reason"]] += 1
    return found


@dataclass(frozen=True)
class FirstRun:
    """The first hour after its run."""

    lake: Lake
    expected: dict[str, Outcome]
    counts: dict[str, Any]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    lake = Lake(tmp_path_factory.mktemp("hostile"))
    expected = expected_of(lake)
    return FirstRun(lake, expected, lake.run(hours=1))


def test_each_hostile_message_and_object_is_kept_or_quarantined_with_its_reason(
    first: FirstRun,
) -> None:
    lake, expected, counts = first.lake, first.expected, first.counts
    found = found_in(lake, expected)
    assert {mark: found[mark] for mark in expected if found[mark] != expected[mark]} == {}
    assert counts["objects"] == lake.landed - 2, "those of the next two hours are not in it"
    assert counts["misplaced_objects"] == 0
    quarantined = sum(counts["quarantined"].values())
    assert counts["read"] == quarantined + sum(
        counts[name] for name in ("kept", "duplicates", "merged")
    )
    assert "etl_error" not in counts["quarantined"]
    days = {row["date"] for row in lake.rows("quarantine")}
    assert days == {f"{TEN:%Y-%m-%d}"}, "no wrong clock makes a file of its own"


def test_later_parts_join_their_reading_and_another_run_changes_nothing(first: FirstRun) -> None:
    lake = first.lake
    counts = lake.run(hours=3)
    assert (counts["kept"], counts["conflicts"]) == (1, 1)
    readings, refused = lake.rows("telemetry"), lake.rows("quarantine")
    old = [row for row in readings if row["device_id"] == "old"]
    values = [(row["ozone"], row["carbon_monoxide"], row["sulfur_dioxide"]) for row in old]
    assert sorted(values, key=repr) == [(41.0, 300.0, 5.0), (43.0, None, None)]
    again = lake.run(hours=3)
    assert (again["kept"], again["conflicts"]) == (0, 0)
    assert (lake.rows("telemetry"), lake.rows("quarantine")) == (readings, refused)
