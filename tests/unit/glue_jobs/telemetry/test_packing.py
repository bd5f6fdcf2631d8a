"""Tests how readings are packed by day and bucket, and written once each, without a JVM."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glue_jobs.telemetry.day_files import FileSink, each_once
from glue_jobs.telemetry.identities import Counts
from glue_jobs.telemetry.packing import READING, REFUSED, packed, packed_readings, unpacked
from glue_jobs.telemetry.validation import VALIDATED

DAY = datetime(2026, 6, 1, tzinfo=UTC)


def reading(device: str, number: int | None, received: float = 0, **changes: Any) -> dict[str, Any]:
    """Return an hourly reading, received some seconds after the start of the day."""
    return {
        "device_id": device,
        "boot_id": None if number is None else "boot",
        "sequence": number,
        "timestamp": DAY + timedelta(hours=number or 0),
        "received_at": DAY + timedelta(seconds=received),
        "extra": [],
        "rejected": [],
    } | changes


def table(rows: list[dict[str, Any]], schema: pa.Schema = READING) -> pa.Table:
    return pa.Table.from_pylist([{n: r.get(n) for n in schema.names} for r in rows], schema)


def kept(*rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    found = each_once(table(list(rows)))[0].to_pylist()
    return [(row["device_id"], row["sequence"], row["ozone"]) for row in found]


def test_a_day_is_a_row_and_late_readings_are_counted() -> None:
    rows = [reading("a", n, 26 * 3600) for n in (30, 1, 25, 2)]
    batches = list(packed_readings(table(rows)))
    found = {batch["date"][0].as_py(): batch for batch in batches}
    assert {date: batch["rows"][0].as_py() for date, batch in found.items()} == {
        "2026-06-01": 2,
        "2026-06-02": 2,
    }
    assert {date: batch["late"][0].as_py() for date, batch in found.items()} == {
        "2026-06-01": 2,  # received on the second
        "2026-06-02": 0,
    }
    again = unpacked(batch["payload"][0].as_py() for batch in batches)
    assert sorted(again["sequence"].to_pylist()) == [1, 2, 25, 30]
    assert again.schema == READING


def test_rejected_values_are_counted_by_day() -> None:
    why = [("ozone", "expected more"), ("carbon_monoxide", "expected less")]
    rows = [reading("a", n, rejected=why[: n % 3]) for n in range(48)]
    batches = list(packed_readings(table(rows)))
    assert [batch["rejected"][0].as_py() for batch in batches] == [24, 24]


@pytest.mark.parametrize("buckets", [2, 7])
def test_a_device_is_always_in_the_same_bucket(buckets: int) -> None:
    rows = [reading(f"device-{n % 40}", n % 3) for n in range(120)]
    where: dict[str, set[int]] = {}
    for part in (rows[:50], rows[50:]):
        for batch in packed_readings(table(part), buckets):
            for device in unpacked([batch["payload"][0].as_py()])["device_id"].to_pylist():
                where.setdefault(device, set()).add(batch["bucket"][0].as_py())
    assert all(len(places) == 1 for places in where.values())
    assert set().union(*where.values()) == set(range(buckets))


def test_refused_messages_are_packed_by_reason_and_day_of_arrival() -> None:
    sound = reading("a", 1)
    refused = {"reason": "not_json", "raw_line": "?", "source": "x", "arrived": DAY}
    later = refused | {"arrived": DAY + timedelta(days=1), "raw_line": "??"}
    batches = list(packed(table([sound, refused, refused, later], VALIDATED), 1))
    rows = [(b["reason"][0].as_py(), b["date"][0].as_py(), b["rows"][0].as_py()) for b in batches]
    assert rows == [
        (None, "2026-06-01", 1),
        ("not_json", "2026-06-01", 2),
        ("not_json", "2026-06-02", 1),
    ]
    assert unpacked([batches[2]["payload"][0].as_py()]).schema == REFUSED


def test_of_repeats_the_one_received_first_is_kept() -> None:
    rows = [reading("a", 1, received, ozone=1.0) for received in (20, 10, 30)]
    found, _, counts = each_once(table(rows))
    assert [row["received_at"] for row in found.to_pylist()] == [DAY + timedelta(seconds=10)]
    assert counts == Counts()


def test_readings_with_other_content_are_conflicts_and_kept() -> None:
    rows = [reading("a", 1, n, ozone=value) for n, value in enumerate((2.0, None, 1.0, 2.0))]
    found, _, counts = each_once(table(rows))
    assert {row["ozone"] for row in found.to_pylist()} == {None, 1.0, 2.0}
    assert counts == Counts(conflicts=2)


def test_parts_without_an_identity_are_merged_by_device_and_time() -> None:
    parts = [reading("old", None, 9, ozone=9.0), reading("old", None, 3, carbon_monoxide=3.0)]
    another = reading("old", None, 9, timestamp=DAY + timedelta(hours=5), ozone=5.0)
    found, _, counts = each_once(table([parts[0], another, parts[1]]))
    assert [
        (row["timestamp"].hour, row["ozone"], row["carbon_monoxide"]) for row in found.to_pylist()
    ] == [(0, 9.0, 3.0), (5, 5.0, None)]
    assert counts == Counts(merged=1)


def test_readings_are_sorted_by_device_start_and_sequence() -> None:
    rows = [reading(device, n) for n in (3, 1, 2) for device in ("b", "ä", "a")]
    found = [row[:2] for row in kept(*rows)]
    assert found == [(device, n) for device in ("a", "b", "ä") for n in (1, 2, 3)]


def test_a_written_file_has_the_rows_and_its_size_is_returned(tmp_path: Path) -> None:
    rows = table([reading("a", 1, extra=[("firmware", "1.2")])])
    size = FileSink(f"file://{tmp_path}/lake/").write("run/date=2026-06-01/x.parquet", rows)
    path = tmp_path / "lake/run/date=2026-06-01/x.parquet"
    assert path.stat().st_size == size
    assert pq.read_table(path, partitioning=None).to_pylist() == rows.to_pylist()
