"""Tests that a reading is in the lake once, for any time, number and day of its deliveries."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import functions as F
from pyspark.sql import types as T

from glue_jobs.lake import delta
from glue_jobs.lake.tables import READINGS
from glue_jobs.telemetry.merging import merge
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
        "ozone": float(received),
        "received_at": DAY + timedelta(seconds=received),
        "extra": {},
    } | changes
    return row | {"date": f"{row['timestamp']:%Y-%m-%d}"}


class Table:
    """A table of readings in a folder."""

    def __init__(self, folder: Path) -> None:
        self.uri = f"file://{folder}/"

    def merge(self, *rows: Reading) -> int:
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

    def rows(self, *columns: str) -> list[tuple[Any, ...]]:
        files = delta.read(spark(), self.uri, self.now.files, READINGS)
        taken = files.withColumn("hour", F.hour("timestamp")).select(*columns)
        return sorted(tuple(row) for row in taken.collect())

    def identities(self) -> list[tuple[Any, ...]]:
        return self.rows("device_id", "sequence", "ozone")


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def test_the_duplicate_received_first_is_kept(table: Table) -> None:
    assert table.merge(reading("a", 1, 30), reading("a", 1, 10), reading("a", 1, 20)) == 1
    assert table.identities() == [("a", 1, 10.0)]


def test_readings_are_distinguished_by_boot_and_device_or_by_time(table: Table) -> None:
    later = DAY + timedelta(hours=1)
    kept = table.merge(
        reading("a", 1, 1),
        reading("a", 1, 2, boot_id="other"),
        reading("b", 1, 3),
        reading("old", None, 5),
        reading("old", None, 4),
        reading("old", None, 3, timestamp=later),
        reading("other", None, 2),
    )
    assert kept == 6
    old = [row for row in table.rows("device_id", "hour", "ozone") if row[0] > "b"]
    assert old == [("old", 0, 4.0), ("old", 1, 3.0), ("other", 0, 2.0)]
    assert table.merge(reading("old", None, 6), reading("old", None, 2, ozone=0.5)) == 0
    assert ("old", 0, 0.5) in table.rows("device_id", "hour", "ozone")


def test_late_readings_join_their_day_and_rewrite_nothing(table: Table) -> None:
    table.merge(reading("a", 1, 10), reading("a", 4, 20))
    before = set(table.now.files)
    assert table.merge(reading("a", 3, 30), reading("a", 4, 40)) == 1
    assert table.identities() == [("a", 1, 10.0), ("a", 3, 30.0), ("a", 4, 20.0)]
    assert before < set(table.now.files)


def test_known_readings_commit_nothing_and_leave_no_files(table: Table) -> None:
    rows = [reading("a", number, number) for number in range(30)]
    assert table.merge(*rows) == 30
    before = table.now
    assert table.merge(*rows[5:28]) == 0
    assert table.now == before
    found = {str(path) for path in Path(table.uri[7:]).rglob("*.parquet") if "/_" not in str(path)}
    assert found == {f"{table.uri[7:]}{file.path}" for file in before.files}


def test_an_identity_that_arrives_again_with_another_day_is_a_duplicate(table: Table) -> None:
    tomorrow = DAY + timedelta(days=1)
    rows = [reading("a", number, number) for number in range(20)]
    # Within one window, then against the lake; each time the one received first is kept.
    kept = table.merge(*rows, reading("a", 7, 1, timestamp=tomorrow))
    assert kept == 20
    assert ("a", 7, 1.0) in table.identities()
    assert table.merge(reading("a", 7, 9), reading("a", 8, 0, timestamp=tomorrow)) == 0
    ozone = {number: float(number) for number in range(20)} | {7: 1.0, 8: 0.0}
    assert table.identities() == [("a", *item) for item in ozone.items()]
    days = dict(table.rows("sequence", "date"))
    assert (days[7], days[8], days[9]) == ("2026-06-02", "2026-06-02", "2026-06-01")


def test_the_order_of_windows_does_not_matter(tmp_path: Path) -> None:
    rng = random.Random(7)
    some = [
        reading(
            rng.choice("ab"),
            rng.randrange(20),
            rng.randrange(60),
            timestamp=DAY + timedelta(days=rng.randrange(2)),
            ozone=rng.random(),
            extra={"n": str(rng.random())},
        )
        for _ in range(120)
    ]
    windows = [some[:50], some[50:80], some[80:]]
    tables = [Table(tmp_path / str(n)) for n in range(2)]
    kept = [
        sum(table.merge(*window) for window in order)
        for table, order in zip(tables, (windows, windows[::-1]), strict=True)
    ]
    identities = {(row["device_id"], row["sequence"]) for row in some}
    assert kept == [len(identities)] * 2
    columns = ("device_id", "sequence", "ozone", "timestamp", "received_at")
    assert tables[0].rows(*columns) == tables[1].rows(*columns)
    for device, sequence, _, _, received in tables[0].rows(*columns):
        same = [r for r in some if (r["device_id"], r["sequence"]) == (device, sequence)]
        first = min(row["received_at"] for row in same)
        assert received.astimezone(UTC) == first
    assert len({(r["device_id"], r["sequence"], r["received_at"]) for r in some}) < len(some)


def test_rows_are_written_in_as_few_files_as_days(table: Table) -> None:
    table.merge(*(reading("abcdef"[n % 6], n, n) for n in range(72)))
    assert [file.date for file in table.now.files] == ["2026-06-01", "2026-06-02", "2026-06-03"]
