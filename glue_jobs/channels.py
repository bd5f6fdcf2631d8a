"""What the model is trained on and what the API forecasts from, out of the devices' histories.

The train channel ends at the cut; the test channel is the whole series, as DeepAR wants it:
https://docs.aws.amazon.com/sagemaker/latest/dg/deepar.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F  # noqa: N812

from contracts.forecast_input import RECENT_HOURS, START_FORMAT, CategoryIndex, RecentHistory
from contracts.telemetry import POLLUTANTS
from glue_jobs.objects import PutObject

HOUR = timedelta(hours=1)


def trained_series(histories: DataFrame, cut: datetime) -> set[tuple[str, str]]:
    """Device and pollutant of the series that have a value before the cut."""
    rows = histories.select(
        "device_id", *(_has_value(_before(cut, F.col(p))).alias(p) for p in POLLUTANTS)
    ).collect()
    return {(row["device_id"], p) for row in rows for p in POLLUTANTS if row[p]}


def category_index(
    trained: Iterable[tuple[str, str]], known: CategoryIndex | None = None
) -> CategoryIndex:
    """Index of the devices and pollutants in training; others have no category to forecast with.

    What an index from an earlier run ``known`` knows keeps its position, so that a model which was
    trained with it still reads today's categories right.
    """
    pairs = list(trained)
    measured = {pollutant for _, pollutant in pairs}
    return (known or CategoryIndex((), ())).extended(
        (device for device, _ in pairs), (p for p in POLLUTANTS if p in measured)
    )


def channels(
    histories: DataFrame, cut: datetime, categories: CategoryIndex
) -> tuple[DataFrame, DataFrame]:
    """Train and test: ``start``, ``target`` (array of double, null is missing), ``cat``.

    A series without a value before the cut is in neither: DeepAR learns nothing from it, and
    may not be asked for a category that it never saw.
    """
    devices = F.array(*map(F.lit, categories.devices))
    series = F.explode(
        F.array(
            *(
                F.struct(F.lit(number).alias("pollutant"), F.col(pollutant).alias("target"))
                for number, pollutant in enumerate(categories.pollutants)
            )
        )
    )
    whole = (
        histories.select("device_id", "start", series.alias("series"))
        .select(
            "start",
            "series.target",
            F.array(
                (F.call_function("array_position", devices, F.col("device_id")) - 1).cast("int"),
                F.col("series.pollutant"),
            ).alias("cat"),
        )
        .withColumn("train", _before(cut, F.col("target")))
        .where(_has_value(F.col("train")))
    )
    start = F.date_format("start", "yyyy-MM-dd HH:mm:ss").alias("start")
    return (
        whole.select(start, F.col("train").alias("target"), "cat"),
        whole.select(start, "target", "cat"),
    )


def recent_writer(
    folder: str, categories: CategoryIndex, writer: Callable[[], PutObject]
) -> Callable[[Iterable[Row]], None]:
    """For ``foreachPartition`` over histories: writes each device's last hours below a URI."""

    def write(rows: Iterable[Row]) -> None:
        put = writer()
        for row in rows:
            history = recent_history(row, categories)
            put(f"{folder}{history.device_id}.json", history.to_json())

    return write


def recent_history(row: Row, categories: CategoryIndex) -> RecentHistory:
    """The last `contracts.forecast_input.RECENT_HOURS` of one device.

    A pollutant that the model was not trained on has values but no ``cat``. ``start`` of the row is
    in Unix time, since Python takes Spark's timestamps to the machine's time zone.
    """
    device = row["device_id"]
    left_out = max(0, len(row[POLLUTANTS[0]]) - RECENT_HOURS)
    forecast = categories.pollutants if device in categories.devices else ()
    return RecentHistory(
        device_id=device,
        start=f"{datetime.fromtimestamp(row['start'], UTC) + left_out * HOUR:{START_FORMAT}}",
        target={pollutant: row[pollutant][left_out:] for pollutant in POLLUTANTS},
        cat={pollutant: categories.cat(device, pollutant) for pollutant in forecast},
    )


def _before(cut: datetime, target: Column) -> Column:
    """Hours of a target that begins at column ``start`` before the cut."""
    hours = (F.unix_timestamp(F.lit(cut)) - F.unix_timestamp("start")) / HOUR.total_seconds()
    return F.slice(target, F.lit(1), F.greatest(F.lit(0), hours.cast("int")))


def _has_value(target: Column) -> Column:
    return F.exists(target, lambda value: value.isNotNull())
