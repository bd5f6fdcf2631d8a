"""Writes the API's input: the last hours of each device, one object per device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F  # noqa: N812

from contracts.lake.locations import recent_key
from contracts.messages.telemetry import POLLUTANTS
from contracts.models.forecast_input import (
    RECENT_HOURS,
    START_FORMAT,
    CategoryIndex,
    RecentHistory,
    enough_for_area,
)
from glue_jobs.lake.objects import get_object, put_object

HOUR = timedelta(hours=1)


Area = dict[str, list[float | None]]
"""`contracts.models.forecast_input.AREA` of each pollutant, for the last hours."""


def area_of(wide: DataFrame) -> Area:
    """Return the mean over the devices in each of the last hours, from rows on the regular grid.

    Means are rounded to one ng/m³, because further digits depend on the order of Spark's sums.
    """
    ever = {p: F.when(F.col(p).isNotNull(), F.col("device_id")) for p in POLLUTANTS}
    whole = wide.agg(
        F.unix_timestamp(F.max("hour")).alias("last"),
        *(F.countDistinct(device).alias(pollutant) for pollutant, device in ever.items()),
    ).collect()[0]
    first = whole["last"] - (RECENT_HOURS - 1) * HOUR.total_seconds()
    hours = (
        wide.where(F.unix_timestamp("hour") >= first)
        .groupBy("hour")
        .agg(*(_mean_where_enough(p, enough_for_area(whole[p])) for p in POLLUTANTS))
        .orderBy("hour")
        .collect()
    )
    return {pollutant: [row[pollutant] for row in hours] for pollutant in POLLUTANTS}


def _mean_where_enough(pollutant: str, least: int) -> Column:
    enough = F.count(pollutant) >= least
    return F.when(enough, F.round(F.avg(pollutant), 3)).alias(pollutant)


def write_recent(histories: DataFrame, area: Area, folder: str, categories: CategoryIndex) -> int:
    """Write each device's last hours below a URI, and return the number of written objects.

    An object with the same content is not written again. The content is compared by reading the
    object, so that after a killed run the next run corrects all objects.
    """
    # Unix time: Python converts Spark's timestamps to the machine's time zone.
    rows = histories.withColumn("start", F.unix_timestamp("start"))
    written: int = rows.rdd.mapPartitions(_writer(area, folder, categories)).sum()
    return written


def _writer(
    area: Area, folder: str, categories: CategoryIndex
) -> Callable[[Iterable[Row]], Iterator[int]]:
    def write(rows: Iterable[Row]) -> Iterator[int]:
        for row in rows:
            history = recent_history(row, area, categories)
            uri, text = f"{folder}{recent_key(history.device_id)}", history.to_json()
            if get_object(uri) != text.encode():
                put_object(uri, text)
                yield 1

    return write


def recent_history(row: Row, area: Area, categories: CategoryIndex) -> RecentHistory:
    """Return the last `contracts.models.forecast_input.RECENT_HOURS` of one device.

    A pollutant that is not in training has values but no ``cat``. The row's ``start`` is Unix time.
    """
    device = row["device_id"]
    hours = len(row[POLLUTANTS[0]])
    left_out = max(0, hours - RECENT_HOURS)
    forecast = categories.pollutants if device in categories.devices else ()
    return RecentHistory(
        device_id=device,
        start=f"{datetime.fromtimestamp(row['start'], UTC) + left_out * HOUR:{START_FORMAT}}",
        target={pollutant: row[pollutant][left_out:] for pollutant in POLLUTANTS},
        cat={pollutant: categories.cat(device, pollutant) for pollutant in forecast},
        area={pollutant: area[pollutant][left_out - hours :] for pollutant in POLLUTANTS},
    )
