"""Regular hourly series: one a device and pollutant, hourly means, gaps null and never filled."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.telemetry import POLLUTANTS


def hourly_means(readings: DataFrame) -> DataFrame:
    """Means of each hour that has readings: ``device_id``, ``hour`` and one column a pollutant."""
    return readings.groupBy("device_id", F.date_trunc("hour", "timestamp").alias("hour")).agg(
        *(F.avg(pollutant).alias(pollutant) for pollutant in POLLUTANTS)
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
    """``device_id``, ``pollutant``, ``hour``, ``value`` (µg/m³, null is a gap) and ``date``."""
    return wide.unpivot(["device_id", "hour"], list(POLLUTANTS), "pollutant", "value").select(
        "device_id",
        "pollutant",
        "hour",
        "value",
        F.date_format("hour", "yyyy-MM-dd").alias("date"),
    )


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
