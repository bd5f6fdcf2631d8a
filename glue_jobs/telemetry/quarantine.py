"""Maintains the quarantine table: invalid messages, by day of arrival.

The table mirrors the raw objects. Processing a window replaces all rows from its objects, so rows
are not duplicated, and messages that an improved parser now accepts are removed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.lake.locations import arrival_prefix
from glue_jobs.lake import delta
from glue_jobs.lake.tables import QUARANTINE

HOUR_IN_KEY = r"(\d{4}/\d{2}/\d{2}/\d{2}/)"


def replace_quarantine(
    refused: DataFrame, count: int, table: str, window: tuple[datetime, datetime], run: str
) -> None:
    """Replace the table's rows of one window by its refused messages.

    Parameters
    ----------
    refused
        Columns of `glue_jobs.lake.tables.QUARANTINE` and ``date``, the day of arrival.
    count
        Number of refused messages.
    table
        URI of the table.
    window
        Arrival window ``[start, end)`` of the messages.
    run
        Id of the run.
    """
    spark = refused.sparkSession

    def work_out(base: delta.Snapshot) -> delta.Change:
        files = base.files_of(_days(window))
        rows = delta.read(spark, base.uri, files, QUARANTINE, with_name=True)
        inside = rows.where(_is_inside(window)).select("name").distinct().collect()
        stale = {row["name"] for row in inside}
        replaced = tuple(file for file in files if file.name in stale)
        others = rows.where(F.col("name").isin(stale) & ~_is_inside(window)).drop("name")
        to_write = refused.unionByName(others) if replaced else refused
        if count == 0 and (not replaced or others.isEmpty()):
            return delta.Change(removes=replaced)
        sorted_ = to_write.repartition("date").sortWithinPartitions("date", "source", "raw_line")
        return delta.Change(tuple(delta.write(sorted_, base.uri, QUARANTINE, run)), replaced)

    delta.update(table, QUARANTINE, work_out, run)


def _is_inside(window: tuple[datetime, datetime]) -> Column:
    """Return whether a row's object arrived in an hour of a window."""
    start, end = window
    last = arrival_prefix(end - timedelta(microseconds=1))
    hour = F.regexp_extract("source", HOUR_IN_KEY, 1)
    return hour.between(arrival_prefix(start), last)


def _days(window: tuple[datetime, datetime]) -> set[str]:
    start, end = window
    days = (end.date() - start.date()).days + 1
    return {(start.date() + timedelta(days=day)).isoformat() for day in range(days)}
