"""Builds DeepAR's training channels from the devices' histories.

The train channel ends at the cut; the test channel is the whole series, as DeepAR expects it:
https://docs.aws.amazon.com/sagemaker/latest/dg/deepar.html
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.messages.telemetry import POLLUTANTS
from contracts.models.forecast_input import CategoryIndex

HOUR = timedelta(hours=1)

VALUES_PER_FILE = 20_000_000
"""About 100 MB in either format."""

_OPTIONS = {
    "compression": "gzip",  # the only one documented for both of DeepAR's formats
    # SageMaker passes every object of a channel to the container; `_SUCCESS` is not a series.
    "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
}


def trained_series(histories: DataFrame, cut: datetime) -> set[tuple[str, str]]:
    """Return device and pollutant of the series that have a value before the cut."""
    rows = histories.select(
        "device_id", *(_has_value(_before(cut, F.col(p))).alias(p) for p in POLLUTANTS)
    ).collect()
    return {(row["device_id"], p) for row in rows for p in POLLUTANTS if row[p]}


def category_index(
    trained: Iterable[tuple[str, str]], known: CategoryIndex | None = None
) -> CategoryIndex:
    """Return the index of devices and pollutants in training; others have no category.

    Entries of ``known``, the index of an earlier run, keep their positions, so that a model trained
    with it still interprets new categories correctly.
    """
    pairs = list(trained)
    measured = {pollutant for _, pollutant in pairs}
    return (known or CategoryIndex((), ())).extended(
        (device for device, _ in pairs), (p for p in POLLUTANTS if p in measured)
    )


def channels(
    histories: DataFrame, cut: datetime, categories: CategoryIndex
) -> tuple[DataFrame, DataFrame]:
    """Return train and test channels: ``start``, ``target`` (doubles, null is missing), ``cat``.

    A series without a value before the cut is in neither channel: DeepAR learns nothing from it,
    and cannot forecast a category that it has never seen.
    """
    devices = histories.sparkSession.createDataFrame(
        list(enumerate(categories.devices)), "device int, device_id string"
    )
    series = F.explode(
        F.array(
            *(
                F.struct(F.lit(number).alias("pollutant"), F.col(pollutant).alias("target"))
                for number, pollutant in enumerate(categories.pollutants)
            )
        )
    )
    whole = (
        histories.join(F.broadcast(devices), "device_id")
        .select("start", "device", series.alias("series"))
        .select("start", "series.target", F.array("device", "series.pollutant").alias("cat"))
        .withColumn("train", _before(cut, F.col("target")))
        .where(_has_value(F.col("train")))
    )
    start = F.date_format("start", "yyyy-MM-dd HH:mm:ss").alias("start")
    return (
        whole.select(start, F.col("train").alias("target"), "cat"),
        whole.select(start, "target", "cat"),
    )


def write_channel(channel: DataFrame, folder: str, channel_format: str, values: int) -> None:
    """Replace a channel's files.

    Parameters
    ----------
    channel
        One of `channels`.
    channel_format
        One of `contracts.models.forecast_input.CHANNEL_FORMATS`. A missing value is NaN in Parquet
        and null in JSON.
    values
        Upper limit of the number of values, which are split into files of `VALUES_PER_FILE`.
    """
    # In a fixed order, so that the same readings always give the same channel.
    rows = channel.repartition(1 + values // VALUES_PER_FILE, "cat").sortWithinPartitions("cat")
    if channel_format == "parquet":
        missing = F.lit(float("nan"))
        numbers = F.transform("target", lambda value: F.coalesce(value, missing))
        rows = rows.withColumn("target", numbers)
    writer = rows.write.mode("overwrite").options(**_OPTIONS)
    writer.format({"parquet": "parquet", "jsonl": "json"}[channel_format]).save(folder)


def _before(cut: datetime, target: Column) -> Column:
    """Return the hours before the cut of a target that starts at column ``start``."""
    hours = (F.unix_timestamp(F.lit(cut)) - F.unix_timestamp("start")) / HOUR.total_seconds()
    return F.slice(target, F.lit(1), F.greatest(F.lit(0), hours.cast("int")))


def _has_value(target: Column) -> Column:
    return F.exists(target, lambda value: value.isNotNull())
