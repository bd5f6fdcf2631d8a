"""The quarantine table: what could not be read, by day of arrival.

It mirrors the raw objects: working off a window replaces all that its objects put there before, so
it neither doubles nor keeps what a better reader has since understood.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.lake import arrival_prefix
from glue_jobs.folders import delete_folder, partition_dates, subfolders_of
from glue_jobs.tables import QUARANTINE, read_days, replace_days

HOUR_IN_KEY = r"(\d{4}/\d{2}/\d{2}/\d{2}/)"


def replace_quarantine(
    spark: SparkSession,
    refused: DataFrame,
    table: str,
    window: tuple[datetime, datetime],
    count: int,
) -> None:
    """Make the table hold the refused messages of a window, and of others what it held.

    Parameters
    ----------
    refused
        Rows of `glue_jobs.readings.classify` that have a reason.
    window
        Arrival window ``[start, end)`` that the rows are of.
    count
        Number of refused rows; the pass over them is saved where there are none.
    """
    days = _days(window)
    there = partition_dates(subfolders_of(spark), table) & days
    if count == 0 and not there:
        return
    columns = [field.name for field in QUARANTINE.fields]
    rows = refused.select(*columns, F.col("arrival_date").alias("date"))
    if there:
        rows = rows.unionByName(outside(read_days(spark, table, QUARANTINE, there), window))
    rows = rows.repartition("date").sortWithinPartitions("date", "source", "raw_line").cache()
    left = {row["date"] for row in rows.select("date").distinct().collect()}
    if left:
        replace_days(rows, table, QUARANTINE)
    rows.unpersist()
    for date in there - left:  # a day without rows is none that a write would replace
        delete_folder(spark, f"{table}date={date}")


def outside(quarantined: DataFrame, window: tuple[datetime, datetime]) -> DataFrame:
    """Rows whose object arrived in no hour of a window."""
    start, end = window
    hour = F.regexp_extract("source", HOUR_IN_KEY, 1)
    last = arrival_prefix(end - timedelta(microseconds=1))
    return quarantined.where(~hour.between(arrival_prefix(start), last))


def _days(window: tuple[datetime, datetime]) -> set[str]:
    start, end = window
    days = (end.date() - start.date()).days + 1
    return {(start.date() + timedelta(days=day)).isoformat() for day in range(days)}
