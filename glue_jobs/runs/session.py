"""Spark session of every job, with the settings that the jobs' results depend on."""

from __future__ import annotations

from pyspark.sql import SparkSession

SETTINGS = {
    # A time without an offset is UTC, and days are UTC days, on every machine.
    "spark.sql.session.timeZone": "UTC",
    # Athena and pandas read microseconds; Spark's default INT96 is deprecated and larger.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.compression.codec": "zstd",
    # Firehose's objects are small: with Spark's default cost of 4 MB each, a task would get few.
    "spark.sql.files.openCostInBytes": str(256 * 1024),
    # A job reads cached data only once or twice: compression would take longer than it saves.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
    # Rows per cached batch: packed rows have megabytes, see glue_jobs.telemetry.packing.
    "spark.sql.inMemoryColumnarStorage.batchSize": "8",
}


def spark_session(name: str) -> SparkSession:
    """Return the session of the job's cluster, with `SETTINGS`."""
    builder = SparkSession.builder.appName(name)
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()
