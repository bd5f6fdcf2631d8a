"""One row a reading: duplicates among the new readings, and against those in the lake already.

Every hop before the lake is at-least-once, so a message may come twice, hours apart. Messages are
the same when `contracts.telemetry.IDENTITY` is; those of devices that send no identity are the
same when thing and time are. A message that is sent again carries the time that it carried before,
so it can be looked for in its own day alone.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Observation, Window
from pyspark.sql import functions as F  # noqa: N812

from contracts.telemetry import IDENTITY, POLLUTANTS

ROWS_PER_FILE = 2_000_000
"""About 40 MB of Parquet."""


def merge(readings: DataFrame, in_lake: DataFrame | None, rows_per_day: int) -> DataFrame:
    """The days of the readings as they are to be, each reading once.

    Of duplicates the one received first stays, whichever came into the lake first; so the table
    does not depend on the order in which windows are worked off.

    Parameters
    ----------
    readings
        New readings with ``date``.
    in_lake
        Readings of the same days that are in the lake; None where there are none.
    rows_per_day
        New readings in the fullest day: a day is cut into files of `ROWS_PER_FILE`.

    Returns
    -------
    DataFrame
        Columns of the readings and ``is_new``, distributed and sorted as it is to be written.
    """
    rows = readings.withColumn("in_lake", F.lit(False))
    if in_lake is not None:
        rows = rows.unionByName(in_lake.withColumn("in_lake", F.lit(True)))
    files_per_day = 1 + rows_per_day // ROWS_PER_FILE
    same_day = ("date", "file")
    identity = (*same_day, *IDENTITY, "time_as_identity")
    duplicates = Window.partitionBy(*identity)
    by_arrival = duplicates.orderBy(
        "received_at", "timestamp", *POLLUTANTS, "longitude", "latitude", F.to_json("extra")
    )
    return (
        rows.withColumn("file", F.pmod(F.hash("device_id"), F.lit(files_per_day)))
        .withColumn("time_as_identity", F.when(F.col("boot_id").isNull(), F.col("timestamp")))
        # Both the windows and the write need nothing but this distribution: one shuffle in all.
        .repartition(*same_day)
        .withColumn("place", F.row_number().over(by_arrival))
        .withColumn("is_new", ~F.max("in_lake").over(duplicates))
        .where(F.col("place") == 1)
        .drop("in_lake", "place", "file", "time_as_identity")
    )


def counting_new(merged: DataFrame) -> tuple[DataFrame, Observation]:
    """Count ``is_new`` as ``kept`` in the pass that writes, without one of its own."""
    observation = Observation("merge")
    return merged.observe(observation, F.count_if("is_new").alias("kept")), observation
