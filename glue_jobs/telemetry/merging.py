"""Merges new readings into the table, as `glue_jobs.telemetry.identities` defines.

New readings are written first, then compared with the existing ones of the same days, and mostly
added unchanged. Only files with a reading that must be removed are rewritten without it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as T  # noqa: N812

from glue_jobs.lake import delta
from glue_jobs.lake.identity_ranges import days_in_common, note_ranges
from glue_jobs.lake.tables import READINGS
from glue_jobs.telemetry.day_files import write_days
from glue_jobs.telemetry.identities import KEY, Counts, Row, key_of, reconciled
from glue_jobs.telemetry.packing import READING, READINGS_AT_ONCE, rows_at_once
from glue_jobs.telemetry.withdrawals import Withdrawals, check_known

ROWS_PER_FILE = 2_000_000
"""About 40 MB of Parquet."""

READINGS_PER_PART = 100_000

_GONE, _ADDED, _COUNTED = "gone", "added", "counted"
_STEPS = T.StructType(
    [
        *(T.StructField(name, T.StringType()) for name in ("step", "name")),
        *(T.StructField(name, T.LongType()) for name in ("rows", "merged", "conflicts")),
        *READINGS.fields,
    ]
)
"""Steps that reconcile files: remove the ``rows`` of a key from the file ``name``, add a reading,
or count. Other columns are null."""
_ARROW_STEPS = pa.schema(
    [
        *((name, pa.string()) for name in ("step", "name")),
        *((name, pa.int64()) for name in ("rows", "merged", "conflicts")),
        *READING,
    ]
)


@dataclass(frozen=True)
class Merged:
    """Result of a merge: the number of new rows, and the counts of readings that share a key."""

    rows: int
    counts: Counts


def merge(packed: DataFrame, table: str, run: str, withdrawals: Withdrawals = ()) -> Merged:
    """Add readings to the table.

    Parameters
    ----------
    packed
        Valid readings, at least one, with the columns of `glue_jobs.telemetry.packing.COLUMNS`.
    table
        URI of the table of readings.
    run
        Id of the run.
    withdrawals
        Withdrawals whose readings are not among them.

    Raises
    ------
    NewWithdrawalError
        There is another withdrawal; nothing was added.
    """
    spark = packed.sparkSession
    new = write_days(packed, table, run)
    note_ranges(new.ranges, table, new.files[0].folder, run)
    new.ranges.unpersist()
    written = set(new.files)
    counts = new.counts

    def work_out(base: delta.Snapshot) -> delta.Change:
        nonlocal counts
        check_known(withdrawals, table)
        change, more = _change(spark, base, new.files, run)
        written.update(change.adds)
        counts = new.counts + more
        return change

    change = delta.Change()
    try:
        change = delta.update(table, READINGS, work_out, run)
    finally:
        delta.discard(spark, table, written.difference(change.adds))
    return Merged(change.rows, counts)


def _change(
    spark: SparkSession, base: delta.Snapshot, new: list[delta.DataFile], run: str
) -> tuple[delta.Change, Counts]:
    """Return the change that adds new files to the table, and the counts to add to theirs.

    Parameters
    ----------
    base
        The current version of the table.
    new
        Files of one write, whose ranges are recorded and which have no repeats.
    run
        Id of the run.
    """
    days = days_in_common(spark, base.uri, new[0].folder)
    there = base.files_of(days)
    compared = {file.name: file for file in (*new, *there) if file.date in days}
    steps = _steps(spark, base.uri, list(compared.values()), {file.name for file in new})
    if steps is None:
        return delta.Change(adds=tuple(new)), Counts()
    lost = {
        row["name"]: row["rows"]
        for row in steps.where(F.col("step") == _GONE)
        .groupBy("name")
        .agg(F.sum("rows").alias("rows"))
        .collect()
    }
    rewritten: list[delta.DataFile] = []
    shrunk = [compared[name] for name, count in lost.items() if count < compared[name].rows]
    added = steps.where(F.col("step") == _ADDED)
    if shrunk or not added.isEmpty():
        gone = steps.where(F.col("step") == _GONE)
        rows = delta.read(spark, base.uri, shrunk, READINGS, with_name=True)
        left = _matching(rows, gone, ("name", *KEY), "left_anti").drop("name")
        dated = added.select(
            *READINGS.names, F.date_format("timestamp", "yyyy-MM-dd").alias("date")
        )
        left = left.unionByName(dated)
        left = _distributed(left, max((file.rows for file in shrunk), default=1))
        left = left.sortWithinPartitions("date", "file", *KEY)
        rewritten = delta.write(left, base.uri, READINGS, run)
    counted = steps.where(F.col("step") == _COUNTED).select("merged", "conflicts").collect()
    steps.unpersist()
    change = delta.Change(
        adds=(*(file for file in new if file.name not in lost), *rewritten),
        removes=tuple(file for file in there if file.name in lost),
    )
    return change, sum((Counts(*row) for row in counted), Counts())


def _steps(
    spark: SparkSession, table: str, files: list[delta.DataFile], new: set[str]
) -> DataFrame | None:
    """Return the `_STEPS` for readings of the same key, if there are any."""
    rows = delta.read(spark, table, files, READINGS, with_name=True)
    # Mostly there are none, which the key columns alone can show.
    twice = rows.groupBy(*KEY).count().where("count > 1").persist()
    found = twice.agg(F.sum("count").alias("rows")).collect()[0]["rows"] if files else None
    if not found:
        return None
    # Each part is a task of Python's, which holds its readings as objects.
    parts = max(spark.sparkContext.defaultParallelism, math.ceil(found / READINGS_PER_PART))
    rows_at_once(spark, READINGS_AT_ONCE)
    return (
        _matching(rows, twice, KEY, "left_semi")
        .select("name", *READINGS.names)
        .repartition(parts, "device_id", "timestamp")
        .mapInArrow(_reconciler(new), _STEPS)
        .persist(StorageLevel.MEMORY_AND_DISK)
    )


def _reconciler(
    new: set[str],
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def reconcile(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        keys: dict[tuple[object, ...], dict[str, list[Row]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for batch in batches:
            for row in batch.to_pylist():
                keys[key_of(row)][row.pop("name")].append(row)
        steps: list[Row] = []
        counts = Counts()
        for key, files in keys.items():
            found = reconciled(files, new)
            of_key = dict(zip(KEY, key, strict=True))
            steps += [
                {"step": _GONE, "name": name, "rows": rows, **of_key}
                for name, rows in found.gone.items()
            ]
            steps += [{"step": _ADDED, **row} for row in found.added]
            counts += found.counts
        steps.append({"step": _COUNTED, **vars(counts)})
        yield from pa.Table.from_pylist(steps, _ARROW_STEPS).to_batches()

    return reconcile


def _distributed(readings: DataFrame, rows_per_day: int) -> DataFrame:
    """Partition readings by ``file`` to write; a device's day is in one file."""
    files_per_day = math.ceil(rows_per_day / ROWS_PER_FILE)
    file = F.pmod(F.hash("device_id"), F.lit(files_per_day))
    return readings.withColumn("file", file).repartition("date", "file")


def _matching(rows: DataFrame, keys: DataFrame, columns: Iterable[str], how: str) -> DataFrame:
    """Join rows with keys; null equals null."""
    renamed = keys.select(*(F.col(name).alias(f"their_{name}") for name in columns))
    equal = [F.col(name).eqNullSafe(F.col(f"their_{name}")) for name in columns]
    return rows.join(renamed, equal, how)
