"""Merging: a reading is in the lake once, whenever and however often it came."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from glue_spark import spark
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from glue_jobs.merging import counting_new, merge
from glue_jobs.tables import READINGS

DAY = datetime(2026, 6, 1, tzinfo=UTC)
SCHEMA = T.StructType([*READINGS.fields, T.StructField("date", T.StringType())])


def reading(device: str, number: int | None, received: int, **changes: Any) -> dict[str, Any]:
    """A reading of an hour, received some seconds after the day's begin."""
    taken = DAY + timedelta(hours=number or 0)
    row: dict[str, Any] = {
        "device_id": device,
        "boot_id": None if number is None else "boot",
        "sequence": number,
        "timestamp": taken,
        "ozone": float(received),
        "received_at": DAY + timedelta(seconds=received),
        "extra": {},
    } | changes
    return row | {"date": f"{row['timestamp']:%Y-%m-%d}"}


def frame(rows: list[dict[str, Any]]) -> DataFrame:
    columns = [field.name for field in SCHEMA.fields]
    return spark().createDataFrame([tuple(r.get(c) for c in columns) for r in rows], SCHEMA)


def merged(
    new: list[dict[str, Any]], there: list[dict[str, Any]] | None = None
) -> tuple[list[dict[str, Any]], int]:
    """Rows as the lake is to hold them, and how many are new."""
    rows, observation = counting_new(merge(frame(new), frame(there) if there else None, len(new)))
    taken = rows.withColumn("hour", F.hour("timestamp")).drop("timestamp", "received_at")
    found = [row.asDict() for row in taken.collect()]
    return found, observation.get["kept"]


def identities(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((row["device_id"], row["sequence"], row["ozone"]) for row in rows)


def test_of_duplicates_the_first_received_stays() -> None:
    rows, kept = merged([reading("a", 1, 30), reading("a", 1, 10), reading("a", 1, 20)])
    assert identities(rows) == [("a", 1, 10.0)]
    assert kept == 1


def test_the_same_sequence_of_another_boot_or_device_is_another_reading() -> None:
    rows, kept = merged(
        [reading("a", 1, 1), reading("a", 1, 2, boot_id="other"), reading("b", 1, 3)]
    )
    assert len(rows) == kept == 3


def test_readings_without_identity_are_told_apart_by_their_time() -> None:
    later = DAY + timedelta(hours=1)
    rows, kept = merged(
        [
            reading("old", None, 5),
            reading("old", None, 4),
            reading("old", None, 3, timestamp=later),
            reading("other", None, 2),
        ]
    )
    assert sorted((row["device_id"], row["hour"], row["ozone"]) for row in rows) == [
        ("old", 0, 4.0),
        ("old", 1, 3.0),
        ("other", 0, 2.0),
    ]
    assert kept == 3


def test_late_readings_join_those_of_their_day() -> None:
    there = [reading("a", 1, 10), reading("a", 2, 20)]
    rows, kept = merged([reading("a", 3, 30), reading("a", 2, 40)], there)
    assert identities(rows) == [("a", 1, 10.0), ("a", 2, 20.0), ("a", 3, 30.0)]
    assert kept == 1


def test_the_order_in_which_windows_are_worked_off_does_not_matter() -> None:
    rng = random.Random(7)
    some = [reading(rng.choice("ab"), rng.randrange(20), rng.randrange(500)) for _ in range(200)]
    first, second = some[:120], some[120:]
    expected: dict[tuple[str, int], float] = {}
    for row in some:
        key = row["device_id"], row["sequence"]
        expected[key] = min(row["ozone"], expected.get(key, row["ozone"]))
    assert len({row["received_at"] for row in some}) < len(some), "some came at the same moment"
    for one, other in ((first, second), (second, first)):
        in_lake = [
            reading(row["device_id"], row["sequence"], int(row["ozone"])) for row in merged(one)[0]
        ]
        rows, kept = merged(other, in_lake)
        assert identities(rows) == sorted((*key, ozone) for key, ozone in expected.items())
        assert kept == len(rows) - len(in_lake)


def test_rows_are_written_in_as_few_files_as_days() -> None:
    rows = frame([reading("abcdef"[n % 6], n, n) for n in range(72)])
    places = merge(rows, None, 72).withColumn("place", F.spark_partition_id())
    by_day = places.groupBy("date").agg(F.count_distinct("place").alias("n")).collect()
    assert {row["date"]: row["n"] for row in by_day} == {
        "2026-06-01": 1,
        "2026-06-02": 1,
        "2026-06-03": 1,
    }
