"""Tests that a reading is in the lake once, for any time, number and day of its deliveries."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from glue_jobs.lake import delta
from glue_jobs.lake.tables import READINGS
from glue_jobs.telemetry.identities import Counts
from glue_jobs.telemetry.merging import Merged, merge
from glue_jobs.telemetry.packing import COLUMNS, READING, packed_readings
from tests.support.glue.spark import spark

DAY = datetime(2026, 6, 1, tzinfo=UTC)
SCHEMA = T.StructType([*READINGS.fields, T.StructField("date", T.StringType())])

Reading = dict[str, Any]


def reading(device: str, number: int | None, received: int, **changes: Any) -> Reading:
    """Return an hourly reading, received some seconds after the start of the day."""
    taken = DAY + timedelta(hours=number or 0)
    row: Reading = {
        "device_id": device,
        "boot_id": None if number is None else "boot",
        "sequence": number,
        "timestamp": taken,
        "ozone": float(number or 0),
        "received_at": DAY + timedelta(seconds=received),
        "extra": {},
        "rejected": {},
    } | changes
    return row | {"date": f"{row['timestamp']:%Y-%m-%d}"}


class Table:
    """A table of readings in a folder."""

    def __init__(self, folder: Path) -> None:
        self.uri = f"file://{folder}/"

    def merge(self, *rows: Reading) -> int:
        """Merge readings and return the number of new rows."""
        return self.merged(*rows).rows

    def merged(self, *rows: Reading) -> Merged:
        columns = [field.name for field in SCHEMA.fields]
        frame = spark().createDataFrame([tuple(r.get(c) for c in columns) for r in rows], SCHEMA)

        def pack(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:  # local, so that Spark's workers need no test module
                columns = [batch[name].cast(READING.field(name).type) for name in READING.names]
                yield from packed_readings(pa.table(columns, READING))

        return merge(frame.mapInArrow(pack, COLUMNS), self.uri, "run")

    @property
    def now(self) -> delta.Snapshot:
        return delta.snapshot(self.uri)

    def rows(self, *columns: str | Column) -> list[tuple[Any, ...]]:
        files = delta.read(spark(), self.uri, self.now.files, READINGS)
        taken = files.withColumn("hour", F.hour("timestamp")).select(*columns)
        return sorted((tuple(row) for row in taken.collect()), key=repr)

    def identities(self) -> list[tuple[Any, ...]]:
        return self.rows("device_id", "sequence", "ozone")


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def received(table: Table) -> list[Any]:
    return [
        int((row[0].astimezone(UTC) - DAY).total_seconds()) for row in table.rows("received_at")
    ]


def test_the_repeat_received_first_is_kept(table: Table) -> None:
    assert table.merge(reading("a", 1, 30), reading("a", 1, 10), reading("a", 1, 20)) == 1
    assert received(table) == [10]
    assert table.merged(reading("a", 1, 5)) == Merged(0, Counts())
    assert received(table) == [5]


def test_a_boot_id_that_is_used_again_keeps_both_days(table: Table) -> None:
    days = [
        [reading("a", n, n, timestamp=DAY + timedelta(days=day, hours=n)) for n in range(4)]
        for day in (0, 1)
    ]
    assert table.merged(*days[0]) == Merged(4, Counts())
    assert table.merged(*days[1]) == Merged(4, Counts())
    assert table.merged(*days[0], *days[1]) == Merged(0, Counts())


def test_a_conflict_is_kept_and_counted_once(table: Table) -> None:
    known, other = reading("a", 1, 1, ozone=5.0), reading("a", 1, 2, ozone=6.0)
    assert table.merged(known, reading("a", 2, 1)) == Merged(2, Counts())
    assert table.merged(other, known) == Merged(1, Counts(conflicts=1))
    before = table.now.files
    assert table.merged(known, other) == Merged(0, Counts())
    assert table.now.files == before
    assert table.identities() == [("a", 1, 5.0), ("a", 1, 6.0), ("a", 2, 2.0)]


def test_parts_of_a_reading_are_merged_in_any_window(table: Table) -> None:
    ozone = reading("old", None, 3, ozone=41.0)
    dioxide = reading("old", None, 2, ozone=None, nitrogen_dioxide=12.0)
    monoxide = reading("old", None, 4, ozone=None, carbon_monoxide=300.0, extra={"n": "1"})
    columns = ("ozone", "nitrogen_dioxide", "carbon_monoxide")
    assert table.merged(ozone, dioxide) == Merged(1, Counts(merged=1))
    assert table.merged(monoxide) == Merged(0, Counts(merged=1))
    assert table.rows(*columns) == [(41.0, 12.0, 300.0)]
    assert received(table) == [2]
    before = table.now.files
    assert table.merged(monoxide) == Merged(0, Counts())
    assert table.merge(ozone, monoxide, dioxide) == 0
    assert table.now.files == before


def test_late_readings_join_their_day_and_rewrite_nothing(table: Table) -> None:
    table.merge(reading("a", 1, 10), reading("a", 4, 20))
    before = set(table.now.files)
    assert table.merge(reading("a", 3, 30), reading("a", 4, 40)) == 1
    assert table.identities() == [("a", 1, 1.0), ("a", 3, 3.0), ("a", 4, 4.0)]
    assert before < set(table.now.files)


def test_known_readings_commit_nothing_and_leave_no_files(table: Table) -> None:
    rows = [reading("a", number, number) for number in range(30)]
    assert table.merge(*rows) == 30
    before = table.now
    assert table.merge(*rows[5:28]) == 0
    assert table.now == before
    found = {str(path) for path in Path(table.uri[7:]).rglob("*.parquet") if "/_" not in str(path)}
    assert found == {f"{table.uri[7:]}{file.path}" for file in before.files}


def test_the_order_of_windows_does_not_matter(tmp_path: Path) -> None:
    rng = random.Random(7)
    some = [
        reading(
            rng.choice("ab"),
            rng.choice([None, *range(6)]),
            rng.randrange(60),
            timestamp=DAY + timedelta(days=rng.randrange(2)),
            ozone=rng.choice([None, 1.0, 2.0]),
            carbon_monoxide=rng.choice([None, 1.0]),
            extra={"n": str(rng.randrange(2))},
        )
        for _ in range(120)
    ]
    windows = [some[:50], some[50:80], some[80:]]
    tables = [Table(tmp_path / str(n)) for n in range(2)]
    for table, order in zip(tables, (windows, windows[::-1]), strict=True):
        merged = [table.merged(*window) for window in order]
        assert sum(one.rows for one in merged) == len(table.rows("ozone"))
        assert table.merged(*some).rows == 0
    everything = Table(tmp_path / "everything")
    everything.merge(*some)
    columns = ("device_id", "boot_id", "sequence", "timestamp", "received_at", "ozone")

    def rows(table: Table) -> list[str]:
        taken = table.rows(*columns, "carbon_monoxide", F.to_json("extra"))
        return [repr(row) for row in taken]

    assert rows(tables[0]) == rows(tables[1]) == rows(everything)


def test_rows_are_written_in_as_few_files_as_days(table: Table) -> None:
    table.merge(*(reading("abcdef"[n % 6], n, n) for n in range(72)))
    assert [file.date for file in table.now.files] == ["2026-06-01", "2026-06-02", "2026-06-03"]
