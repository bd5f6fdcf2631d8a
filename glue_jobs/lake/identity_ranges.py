"""Index of the days in which sequences of a device's start occur, to find readings again.

Every write to the table of readings first records its ranges here. A run then compares its readings
only with files of days whose ranges overlap; mostly there are none, as devices count upwards. A
range is recorded before its readings are committed, and stays even if they never are. It may
therefore be too wide, which costs a comparison, but it is never missing.

Readings without an identity are distinguished by their time, in microseconds of Unix time.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as T  # noqa: N812

from glue_jobs.lake import delta

FOLDER = "_identity_ranges/"
"""Folder below the table of readings. Delta ignores names that begin with an underscore."""

RANGES = T.StructType(
    [
        T.StructField("device_id", T.StringType()),
        T.StructField("boot_id", T.StringType()),
        T.StructField("day", T.StringType()),
        T.StructField("first", T.LongType()),
        T.StructField("last", T.LongType()),
        T.StructField("folder", T.StringType()),
    ]
)
"""A range, including first and last. The partition column ``date`` is the day of recording."""


def note_ranges(ranges: DataFrame, table: str, folder: str, run: str) -> None:
    """Record the ranges of readings whose files are in one folder of the table.

    Parameters
    ----------
    ranges
        ``device_id``, ``boot_id``, ``day``, ``first``, ``last``.
    """
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    rows = ranges.withColumns({"folder": F.lit(folder), "date": F.lit(today)}).coalesce(1)
    place = f"{table}{FOLDER}"
    noted = delta.Change(tuple(delta.write(rows, place, RANGES, run)))
    delta.update(place, RANGES, lambda _: noted, run)


def days_in_common(spark: SparkSession, table: str, folder: str) -> set[str]:
    """Return the folder's days on which another folder may have the same readings."""
    place = f"{table}{FOLDER}"
    noted = delta.read(spark, place, delta.snapshot(place).files, RANGES)
    ranges = noted.withColumn("own", F.col("folder") == folder)
    # Ordered by start: a range overlaps an earlier one that ends after its start, and a later one
    # that starts before its end. This takes one sort for any number of ranges.
    boot = Window.partitionBy("device_id", "boot_id", "day").orderBy("first")
    before = boot.rowsBetween(Window.unboundedPreceding, -1)
    after = boot.rowsBetween(1, Window.unboundedFollowing)
    ends = F.max(F.when(~F.col("own"), F.col("last"))).over(before)
    begins = F.min(F.when(~F.col("own"), F.col("first"))).over(after)
    met = (ends >= F.col("first")) | (begins <= F.col("last"))
    rows = ranges.withColumn("met", met).where("own AND met").select("day").distinct().collect()
    return {row["day"] for row in rows}
