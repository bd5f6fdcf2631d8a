"""Regular hourly series per device and pollutant: hourly means; gaps are null, never filled."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.messages.telemetry import POLLUTANTS

METHOD = 1
"""Version of the computation of series from readings. Increase it when the same readings give
different series; all series are then rebuilt."""


def hourly_means(readings: DataFrame) -> DataFrame:
    """Return means of hours with values: ``device_id``, ``hour`` and one column per pollutant."""
    return (
        readings.groupBy("device_id", F.date_trunc("hour", "timestamp").alias("hour"))
        .agg(*(F.avg(pollutant).alias(pollutant) for pollutant in POLLUTANTS))
        .where(F.coalesce(*POLLUTANTS).isNotNull())
    )


def means_of(series: DataFrame) -> DataFrame:
    """Return the `hourly_means` from which rows of `one_row_per_value` were built."""
    return (
        series.where("value IS NOT NULL")
        .groupBy("device_id", "hour")
        .pivot("pollutant", list(POLLUTANTS))
        .agg(F.first("value"))
    )


def on_regular_grid(means: DataFrame, last: datetime) -> DataFrame:
    """Return a row for every hour from each device's first one to ``last``, with nulls for gaps.

    Parameters
    ----------
    means
        Result of `hourly_means`.
    last
        Last hour of all devices, so that a silent device appears as a gap.
    """
    hours = F.sequence("first", F.lit(last), F.expr("INTERVAL 1 HOUR"))
    grid = (
        means.groupBy("device_id")
        .agg(F.min("hour").alias("first"))
        .select("device_id", F.explode(hours).alias("hour"))
    )
    return grid.join(means, ["device_id", "hour"], "left")


def one_row_per_value(wide: DataFrame) -> DataFrame:
    """Convert rows on the regular grid to rows of `glue_jobs.lake.tables.SERIES` with ``date``."""
    return wide.unpivot(["device_id", "hour"], list(POLLUTANTS), "pollutant", "value").select(
        "device_id", "pollutant", "hour", "value", _date("hour").alias("date")
    )


def dates_of_other_hours(series: DataFrame, wide: DataFrame) -> set[str]:
    """Return days on which a device has an hour in only one of the series and the regular grid.

    This happens when a device's first hour, or the last hour of all devices, has changed: gaps then
    appear or disappear on days without changed readings.
    """

    def extents(rows: DataFrame) -> DataFrame:
        return rows.groupBy("device_id", _date("hour").alias("date")).agg(
            F.min("hour"), F.max("hour")
        )

    before, now = extents(series), extents(wide)
    other = before.exceptAll(now).unionAll(now.exceptAll(before))
    return {row["date"] for row in other.select("date").distinct().collect()}


def histories(wide: DataFrame) -> DataFrame:
    """Return one row per device: ``device_id``, ``start`` and one array of values per pollutant."""
    rows = F.sort_array(F.collect_list(F.struct("hour", *POLLUTANTS)))
    return (
        wide.groupBy("device_id")
        .agg(rows.alias("rows"))
        .select(
            "device_id",
            F.col("rows")[0]["hour"].alias("start"),
            *(F.col("rows")[pollutant].alias(pollutant) for pollutant in POLLUTANTS),
        )
    )


def _date(hour: str) -> Column:
    return F.date_format(hour, "yyyy-MM-dd")
