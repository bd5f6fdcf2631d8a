"""AWS Glue job: readings to regular hourly series, DeepAR's channels and the API's histories.

All is built anew from the readings, so it can be run at any time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.forecast_input import HORIZON, CategoryIndex
from contracts.names import BUILD_SERIES
from contracts.telemetry import POLLUTANTS
from glue_jobs.arguments import ReportArguments, SeriesArguments
from glue_jobs.channels import category_index, channels, recent_writer, trained_series
from glue_jobs.folders import partition_dates, subfolders_of
from glue_jobs.objects import object_writer
from glue_jobs.report import JobError, reported, run_job
from glue_jobs.series import histories, hourly_means, on_regular_grid, one_row_a_value
from glue_jobs.session import spark_session
from glue_jobs.tables import READINGS, read_days

HELD_OUT = timedelta(hours=HORIZON)
NO_SUCCESS_FILE = {"mapreduce.fileoutputcommitter.marksuccessfuljobs": "false"}
"""SageMaker hands a container every object of a channel; `_SUCCESS` is no series."""


def main(argv: list[str]) -> None:
    """Read the arguments, do the work, say what was done."""
    arguments = SeriesArguments.of(argv)
    reported(
        BUILD_SERIES,
        ReportArguments.of(argv),
        lambda: run(spark_session(BUILD_SERIES), arguments),
    )


def run(spark: SparkSession, arguments: SeriesArguments) -> dict[str, Any]:
    """Build everything from the readings in the lake.

    Returns
    -------
    dict
        Counts of ``devices``, ``series``, ``trained_series``, ``values`` and ``gaps``, the
        ``first`` and ``last`` hour and the ``cut``.

    Raises
    ------
    JobError
        Where there are no readings, or none before the cut.
    """
    dates = partition_dates(subfolders_of(spark), arguments.telemetry)
    if not dates:
        raise JobError(
            f"there are no readings in {arguments.telemetry}; run telemetry_to_parquet first"
        )
    readings = read_days(spark, arguments.telemetry, READINGS, dates)
    means = hourly_means(readings).cache()
    first, last = _span(means)
    cut = arguments.cut or last + timedelta(hours=1) - HELD_OUT
    wide = on_regular_grid(means, last).cache()
    # In a fixed order, so that training on the same readings sees the same channel.
    by_device = histories(wide).orderBy("device_id").cache()
    trained = trained_series(by_device, cut)
    if not trained:
        raise JobError(
            f"no series has a value before the cut at {cut:%Y-%m-%d %H:%M} UTC: the readings begin "
            f"at {first:%Y-%m-%d %H:%M} and end at {last:%Y-%m-%d %H:%M}; send a longer history or "
            "give a later --cut"
        )
    index = f"{arguments.channels}categories.json"
    categories = category_index(trained, _known_categories(spark, index))

    counts = _write_series(wide, arguments.series)
    for name, channel in zip(("train", "test"), channels(by_device, cut, categories), strict=True):
        channel.write.mode("overwrite").options(**_static(NO_SUCCESS_FILE)).parquet(
            f"{arguments.channels}{name}/"
        )
    object_writer()(index, categories.to_json())
    in_unix_time = by_device.withColumn("start", F.unix_timestamp("start"))
    in_unix_time.foreachPartition(recent_writer(arguments.recent, categories, object_writer))
    devices = by_device.count()
    return {
        "devices": devices,
        "series": devices * len(POLLUTANTS),
        **counts,
        "trained_series": len(trained),
        "first": _iso(first),
        "last": _iso(last),
        "cut": _iso(cut),
    }


def _known_categories(spark: SparkSession, index: str) -> CategoryIndex | None:
    """The index that an earlier run left, if one did."""
    try:
        row = spark.read.text(index, wholetext=True).first()
    except AnalysisException as error:
        if error.getErrorClass() != "PATH_NOT_FOUND":
            raise
        return None
    return CategoryIndex.from_json(row["value"]) if row else None


def _span(means: DataFrame) -> tuple[datetime, datetime]:
    """First and last hour, UTC. As Unix time: Python would convert to the machine's time zone."""
    row = means.agg(
        F.unix_timestamp(F.min("hour")).alias("first"),
        F.unix_timestamp(F.max("hour")).alias("last"),
    ).collect()[0]
    return datetime.fromtimestamp(row["first"], UTC), datetime.fromtimestamp(row["last"], UTC)


def _write_series(wide: DataFrame, table: str) -> dict[str, int]:
    observation = Observation("series")
    rows = (
        one_row_a_value(wide)
        .observe(
            observation,
            F.count("value").alias("values"),
            F.count_if(F.col("value").isNull()).alias("gaps"),
        )
        .repartition("date")
        .sortWithinPartitions("date", "device_id", "pollutant", "hour")
    )
    rows.write.mode("overwrite").options(**_static()).partitionBy("date").parquet(table)
    counts: dict[str, int] = observation.get
    return counts


def _static(options: dict[str, str] | None = None) -> dict[str, str]:
    """Options of a write that replaces the whole table, not only the days that it holds."""
    return {"partitionOverwriteMode": "static", **(options or {})}


def _iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


if __name__ == "__main__":
    run_job(main)
