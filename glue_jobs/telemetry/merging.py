"""Merges new readings into the table without duplicates.

Every hop before the lake delivers at least once, so a message may arrive twice, hours apart.
Messages are duplicates if `contracts.messages.telemetry.IDENTITY` is equal, regardless of their
day; for devices that send no identity, if thing and time are equal. The duplicate received first is
kept, even if another one was written to the lake before. Therefore the table does not depend on the
order in which windows are processed.

New readings are written first, then compared with the existing ones, and mostly added unchanged.
Only files with a reading that must be removed are rewritten without it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812

from contracts.messages.telemetry import IDENTITY
from glue_jobs.lake import delta
from glue_jobs.lake.identity_ranges import days_in_common, note_ranges
from glue_jobs.lake.tables import READINGS
from glue_jobs.telemetry.day_files import TIES, write_days

ROWS_PER_FILE = 2_000_000
"""About 40 MB of Parquet."""

KEY = (*IDENTITY, "time_as_identity")
ORDER = (*TIES, *(name for name in READINGS.names if name not in (*TIES, "extra")))
"""Order that decides which duplicate is kept, as in `glue_jobs.telemetry.day_files`."""


def merge(packed: DataFrame, table: str, run: str) -> int:
    """Add readings to the table, each identity once, and return the number of new ones.

    Parameters
    ----------
    packed
        Valid readings, at least one, with the columns of `glue_jobs.telemetry.packing.COLUMNS`.
    table
        URI of the table of readings.
    run
        Id of the run.
    """
    spark = packed.sparkSession
    new, ranges = write_days(packed, table, run)
    note_ranges(ranges, table, new[0].folder, run)
    ranges.unpersist()
    written = set(new)

    def work_out(base: delta.Snapshot) -> delta.Change:
        change = reconciled(spark, base, new, run)
        written.update(change.adds)
        return change

    change = delta.update(table, READINGS, work_out, run)
    delta.discard(spark, table, written.difference(change.adds))
    return change.rows


def reconciled(
    spark: SparkSession, base: delta.Snapshot, new: list[delta.DataFile], run: str
) -> delta.Change:
    """Return the change that adds new files to the table without duplicate identities.

    Parameters
    ----------
    base
        The current version of the table.
    new
        Files of one write, whose ranges are recorded; none of them has an identity twice.
    run
        Id of the run.
    """
    own_days, other_days = days_in_common(spark, base.uri, new[0].folder)
    there = base.files_of(other_days)
    compared = {file.name: file for file in (*new, *there) if file.date in own_days | other_days}
    superfluous = _superfluous(spark, base.uri, list(compared.values()), new[0].folder)
    if superfluous is None:
        return delta.Change(adds=tuple(new))
    lost = {row["name"]: row["count"] for row in superfluous.groupBy("name").count().collect()}
    shrunk = [compared[name] for name, count in lost.items() if count < compared[name].rows]
    rewritten: list[delta.DataFile] = []
    if shrunk:
        rows = _with_key(delta.read(spark, base.uri, shrunk, READINGS, with_name=True))
        left = _matching(rows, superfluous, ("name", *KEY), "left_anti")
        left = _distributed(left, max(file.rows for file in shrunk))
        left = left.sortWithinPartitions("date", "file", *KEY)
        rewritten = delta.write(left, base.uri, READINGS, run)
    superfluous.unpersist()
    return delta.Change(
        adds=(*(file for file in new if file.name not in lost), *rewritten),
        removes=tuple(file for file in there if file.name in lost),
    )


def _superfluous(
    spark: SparkSession, table: str, files: list[delta.DataFile], new: str
) -> DataFrame | None:
    """Return key and file ``name`` of the readings to remove as duplicates, if there are any.

    If identical messages are in two files, the one in the folder ``new`` is removed.
    """
    rows = _with_key(delta.read(spark, table, files, READINGS, with_name=True))
    # Mostly there are none, which the key columns alone can show.
    twice = rows.groupBy(*KEY).count().where("count > 1").persist()
    if not files or twice.isEmpty():
        return None
    is_new = F.col("name").isin([file.name for file in files if file.folder == new])
    place = F.row_number().over(Window.partitionBy(*KEY).orderBy(*_by_arrival(), is_new))
    return (
        _matching(rows, twice, KEY, "left_semi")
        .withColumn("place", place)
        .where(F.col("place") > 1)
        .select("name", *KEY)
        .persist(StorageLevel.MEMORY_AND_DISK)
    )


def _with_key(readings: DataFrame) -> DataFrame:
    has_none = F.col("boot_id").isNull() | F.col("sequence").isNull()
    return readings.withColumn("time_as_identity", F.when(has_none, F.col("timestamp")))


def _distributed(readings: DataFrame, rows_per_day: int) -> DataFrame:
    """Partition readings by ``file`` to write; a device's day is in one file."""
    files_per_day = math.ceil(rows_per_day / ROWS_PER_FILE)
    file = F.pmod(F.hash("device_id"), F.lit(files_per_day))
    return readings.withColumn("file", file).repartition("date", "file")


def _by_arrival() -> list[Column]:
    extra = F.when(F.size("extra") > 0, F.to_json("extra"))
    return [*map(F.col, ORDER), extra]


def _matching(rows: DataFrame, keys: DataFrame, columns: Iterable[str], how: str) -> DataFrame:
    """Join rows with keys; null equals null."""
    renamed = keys.select(*(F.col(name).alias(f"their_{name}") for name in columns))
    equal = [F.col(name).eqNullSafe(F.col(f"their_{name}")) for name in columns]
    return rows.join(renamed, equal, how)
