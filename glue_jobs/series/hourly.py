"""Regular hourly series: one a device and pollutant, hourly means, gaps null and never filled."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.messages.telemetry import POLLUTANTS

METHOD = 1
"""Of making series of readings. Raised where the same readings would give others, which has all
series made anew."""


def hourly_means(readings: DataFrame) -> DataFrame:
    """Means of each hour with a measurement: ``device_id``, ``hour`` and a column a pollutant."""
    return (
        readings.groupBy("device_id", F.date_trunc("hour", "timestamp").alias("hour"))
        .agg(*(F.avg(pollutant).alias(pollutant) for pollutant in POLLUTANTS))
        .where(F.coalesce(*POLLUTANTS).isNotNull())
    )


def means_of(series: DataFrame) -> DataFrame:
    """The `hourly_means` that rows of `one_row_a_value` were made of."""
    return (
        series.where("value IS NOT NULL")
        .groupBy("device_id", "hour")
        .pivot("pollutant", list(POLLUTANTS))
        .agg(F.first("value"))
    )


def on_regular_grid(means: DataFrame, last: datetime) -> DataFrame:
    """A row for every hour from each device's first one to ``last``; where none was, nulls.

    Parameters
    ----------
    means
        As of `hourly_means`.
    last
        Last hour of all devices, so that a device that fell silent shows as a gap.
    """
    hours = F.sequence("first", F.lit(last), F.expr("INTERVAL 1 HOUR"))
    grid = (
        means.groupBy("device_id")
        .agg(F.min("hour").alias("first"))
        .select("device_id", F.explode(hours).alias("hour"))
    )
    return grid.join(means, ["device_id", "hour"], "left")


def one_row_a_value(wide: DataFrame) -> DataFrame:
    """Rows of `glue_jobs.lake.tables.SERIES` with ``date``, of rows on the regular grid."""
    return wide.unpivot(["device_id", "hour"], list(POLLUTANTS), "pollutant", "value").select(
        "device_id", "pollutant", "hour", "value", _date("hour").alias("date")
    )


def dates_of_other_hours(series: DataFrame, wide: DataFrame) -> set[str]:
    """Days on which a device has an hour in rows of the series or on the regular grid, not in both.

    So they have where a device's first hour, or the last of all, is another than before: gaps come
    and go then on days of which no reading has changed.
    """

    def extents(rows: DataFrame) -> DataFrame:
        return rows.groupBy("device_id", _date("hour").alias("date")).agg(
            F.min("hour"), F.max("hour")
        )

    before, now = extents(series), extents(wide)
    other = before.exceptAll(now).unionAll(now.exceptAll(before))
    return {row["date"] for row in other.select("date").distinct().collect()}


def histories(wide: DataFrame) -> DataFrame:
    """One row a device: ``device_id``, ``start`` and an array of hourly values a pollutant."""
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
