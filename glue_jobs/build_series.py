"""AWS Glue job: readings to regular hourly series, DeepAR's channels and the API's histories.

Only days whose readings have changed since the last run are computed from readings again; the
others are read from the series. Channels and histories cover whole series, so each run rebuilds
them. The commit of the series comes last and records the version of the readings it is built from.
A killed run is therefore repeated, and any sequence of runs gives the result of one run over all
readings.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.messages.telemetry import CLOCK_TOLERANCE_HOURS, POLLUTANTS, THING_NAME
from contracts.models.forecast_input import HORIZON, CategoryIndex
from contracts.names import BUILD_SERIES
from glue_jobs.errors import JobError
from glue_jobs.lake.changes import changed_dates
from glue_jobs.lake.delta import (
    Change,
    CommitConflictError,
    Snapshot,
    commit,
    read,
    snapshot,
    write,
)
from glue_jobs.lake.objects import get_object, put_object
from glue_jobs.lake.tables import READINGS, SERIES
from glue_jobs.runs.arguments import ReportArguments, SeriesArguments
from glue_jobs.runs.outcome import reported, run_job
from glue_jobs.runs.session import spark_session
from glue_jobs.series.channels import category_index, channels, trained_series, write_channel
from glue_jobs.series.hourly import (
    METHOD,
    dates_of_other_hours,
    histories,
    hourly_means,
    means_of,
    on_regular_grid,
    one_row_per_value,
)
from glue_jobs.series.recent import area_of, write_recent

HELD_OUT = timedelta(hours=HORIZON)
ATTEMPTS = 3


def main(argv: list[str]) -> None:
    """Read the arguments, run the job and report the result."""
    arguments = SeriesArguments.of(argv)
    reported(
        BUILD_SERIES,
        ReportArguments.of(argv),
        lambda: run(spark_session(BUILD_SERIES), arguments),
    )


def run(spark: SparkSession, arguments: SeriesArguments) -> dict[str, Any]:
    """Update series, channels and histories to the readings in the lake.

    Returns
    -------
    dict
        Total counts of ``devices``, ``devices_left_out`` (with names that no thing can have, in
        older tables), ``hours_left_out`` (of them, before the longest history, or in the future),
        ``series``, ``trained_series``, ``values`` and ``gaps``;
        ``days_read`` (days whose readings were read), ``days_written`` and ``histories_written``;
        the ``first`` and ``last`` hour and the ``cut``.

    Raises
    ------
    JobError
        There are no readings, or none before the cut, or other runs keep changing the series.
    """
    for _ in range(ATTEMPTS):
        try:
            return _build(spark, arguments)
        except CommitConflictError as error:
            conflict = error
        finally:
            spark.catalog.clearCache()
    raise JobError(
        f"other runs committed to the series during each of {ATTEMPTS} attempts: {conflict}; "
        "run the job again when no other run is active"
    )


def _build(spark: SparkSession, arguments: SeriesArguments) -> dict[str, Any]:
    telemetry, series = snapshot(arguments.telemetry), snapshot(arguments.series)
    if not telemetry.files:
        raise JobError(
            f"there are no readings in {arguments.telemetry}; run telemetry_to_parquet first"
        )
    worked_off = None if arguments.full else series.progress(_progress(telemetry))
    changed = changed_dates(spark, telemetry, worked_off)
    everything = _means(spark, telemetry, series, changed).cache()
    latest = datetime.now(UTC) + timedelta(hours=CLOCK_TOLERANCE_HOURS)
    sound = everything.where(_has_name() & (F.col("hour") <= F.lit(latest)))
    _, last = _span(sound)
    means = sound.where(F.col("hour") >= F.lit(_first_day(last, arguments.max_history))).cache()
    first, last = _span(means)
    left_out = {
        "devices_left_out": everything.where(~_has_name()).select("device_id").distinct().count(),
        "hours_left_out": everything.count() - means.count(),
    }
    cut = arguments.cut or last + timedelta(hours=1) - HELD_OUT
    wide = on_regular_grid(means, last).cache()
    by_device = histories(wide).cache()
    trained = trained_series(by_device, cut)
    if not trained:
        raise JobError(
            f"no series has a value before the cut at {cut:%Y-%m-%d %H:%M} UTC: the readings start "
            f"at {first:%Y-%m-%d %H:%M} and end at {last:%Y-%m-%d %H:%M}; send a longer history or "
            "set a later --cut"
        )
    index = f"{arguments.channels}categories.json"
    categories = category_index(trained, _known_categories(index))
    counts = _counts(wide)
    for name, channel in zip(("train", "test"), channels(by_device, cut, categories), strict=True):
        folder = f"{arguments.channels}{name}/"
        write_channel(channel, folder, arguments.channel_format, sum(counts.values()))
    histories_written = write_recent(by_device, area_of(wide), arguments.recent, categories)
    put_object(index, categories.to_json())
    change = _change(wide, series, changed, arguments.run_id)
    if change != Change() or worked_off != telemetry.version:
        commit(
            series,
            SERIES,
            change.adds,
            () if changed is None else change.removes,
            run=arguments.run_id,
            progress={_progress(telemetry): telemetry.version},
            whole_table=changed is None,
        )
    devices = by_device.count()
    return {
        "devices": devices,
        **left_out,
        "series": devices * len(POLLUTANTS),
        **counts,
        "trained_series": len(trained),
        "days_read": len(telemetry.dates if changed is None else changed),
        "days_written": len(change.adds),
        "histories_written": histories_written,
        "first": _iso(first),
        "last": _iso(last),
        "cut": _iso(cut),
    }


def _progress(telemetry: Snapshot) -> str:
    """Return the name under which the series store the version of the readings they are built from.

    A new name, for another table or another method, has no version and causes a full rebuild.
    """
    way = f"method {METHOD}, {SERIES.simpleString()} of {', '.join(POLLUTANTS)}"
    return f"telemetry {telemetry.id} by {way}"


def _means(
    spark: SparkSession, telemetry: Snapshot, series: Snapshot, changed: set[str] | None
) -> DataFrame:
    """Return all `hourly_means`; those of unchanged days are read from the series."""
    files = telemetry.files if changed is None else telemetry.files_of(changed)
    fresh = hourly_means(read(spark, telemetry.uri, files, READINGS))
    if changed is None:
        return fresh
    kept = series.files_of(series.dates - changed)
    return means_of(read(spark, series.uri, kept, SERIES)).unionByName(fresh)


def _first_day(last: datetime, max_history: timedelta) -> datetime:
    """Return the first hour of the series: a day's start, so that a day is dropped as a whole."""
    return (last - max_history).replace(hour=0)


def _has_name() -> Column:
    """Return whether the device has the name of a thing, which becomes a part of a path."""
    return F.col("device_id").rlike(rf"\A{THING_NAME}\z")


def _change(wide: DataFrame, series: Snapshot, changed: set[str] | None, run: str) -> Change:
    """Return the change of files for the days on which the regular grid differs from the table."""
    spark, rows = wide.sparkSession, one_row_per_value(wide)
    stale = series.dates
    if changed is not None:
        before = read(spark, series.uri, series.files, SERIES)
        stale = changed | dates_of_other_hours(before, wide)
        rows = rows.where(F.col("date").isin(*stale))
    rows = rows.repartition("date").sortWithinPartitions("date", "device_id", "pollutant", "hour")
    adds = [] if rows.isEmpty() else write(rows, series.uri, SERIES, run)
    return Change(tuple(adds), tuple(series.files_of(stale)))


def _known_categories(index: str) -> CategoryIndex | None:
    """Return the index of an earlier run, if there is one."""
    text = get_object(index)
    return None if text is None else CategoryIndex.from_json(text.decode())


def _counts(wide: DataFrame) -> dict[str, int]:
    row = wide.agg(
        F.count("*").alias("hours"),
        *(F.count(pollutant).alias(pollutant) for pollutant in POLLUTANTS),
    ).collect()[0]
    values = sum(row[pollutant] for pollutant in POLLUTANTS)
    return {"values": values, "gaps": row["hours"] * len(POLLUTANTS) - values}


def _span(means: DataFrame) -> tuple[datetime, datetime]:
    """Return the first and last hour in UTC.

    They are read as Unix time, because Python would convert them to the machine's time zone.
    """
    row = means.agg(
        F.unix_timestamp(F.min("hour")).alias("first"),
        F.unix_timestamp(F.max("hour")).alias("last"),
    ).collect()[0]
    if row["last"] is None:
        raise JobError("no reading in the lake has a value; check what the devices measure")
    return datetime.fromtimestamp(row["first"], UTC), datetime.fromtimestamp(row["last"], UTC)


def _iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


if __name__ == "__main__":
    run_job(main)
