"""The Spark session of every job: settings that the jobs' results depend on."""

from __future__ import annotations

from pyspark.sql import SparkSession

SETTINGS = {
    # A time without an offset means UTC, and days are UTC days, wherever the job runs.
    "spark.sql.session.timeZone": "UTC",
    # Athena and pandas read microseconds; Spark's default INT96 is deprecated and larger.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.compression.codec": "zstd",
    # Firehose's objects are small: priced at Spark's default of 4 MB, each would be a task's load.
    "spark.sql.files.openCostInBytes": str(256 * 1024),
    # What a job keeps it reads once or twice: compressing takes longer than that.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
    # Rows that Spark gathers before it keeps them: packed ones have megabytes, see
    # glue_jobs.telemetry.packing.
    "spark.sql.inMemoryColumnarStorage.batchSize": "8",
}


def spark_session(name: str) -> SparkSession:
    """The session of the cluster that the job runs on, with `SETTINGS`."""
    builder = SparkSession.builder.appName(name)
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()
