"""Which sequences of which start of a device lie in which day: where an identity may be found.

Every write to the table of readings first notes its ranges here. So a run needs to look only at
days that have a range in common with what it brings; mostly there are none, since devices count
upwards. A range is noted before its readings are committed, and stays when they never are: it may
be too wide, which costs a look, and is never missing.

Readings without an identity are told apart by their time, in microseconds of Unix time.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as T  # noqa: N812

from glue_jobs.lake import delta

FOLDER = "_identity_ranges/"
"""Below the table of readings. Delta leaves alone whatever begins with an underscore."""

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
"""A range, first and last included. The partition column ``date`` is the day it was noted."""


def note_ranges(ranges: DataFrame, table: str, folder: str, run: str) -> None:
    """Note the ranges of readings whose files lie in one folder of the table.

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


def days_in_common(spark: SparkSession, table: str, folder: str) -> tuple[set[str], set[str]]:
    """Days of a folder's files whose readings may be elsewhere too, and days where they may be.

    Elsewhere is any other folder, or another day of the same one.
    """
    place = f"{table}{FOLDER}"
    noted = delta.read(spark, place, delta.snapshot(place).files, RANGES)
    ranges = noted.withColumn("own", F.col("folder") == folder)
    # In the order of their beginnings: a range meets an earlier one if that ends after it begins,
    # and a later one if that begins before it ends. This takes one sort, however many ranges.
    boot = Window.partitionBy("device_id", "boot_id").orderBy("first")
    before = boot.rowsBetween(Window.unboundedPreceding, -1)
    after = boot.rowsBetween(1, Window.unboundedFollowing)

    def meets(others: Column) -> Column:
        ends = F.max(F.when(others, F.col("last"))).over(before)
        begins = F.min(F.when(others, F.col("first"))).over(after)
        return (ends >= F.col("first")) | (begins <= F.col("last"))

    met = F.when(F.col("own"), meets(F.lit(True))).otherwise(meets(F.col("own")))
    rows = ranges.withColumn("met", met).where("met").select("own", "day").distinct().collect()
    return (
        {row["day"] for row in rows if row["own"]},
        {row["day"] for row in rows if not row["own"]},
    )
