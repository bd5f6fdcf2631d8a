"""Schemas of the curated tables that `telemetry_to_parquet` writes, and how days are replaced."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as T  # noqa: N812

from contracts.telemetry import POLLUTANTS

READINGS = T.StructType(
    [
        T.StructField("device_id", T.StringType()),
        T.StructField("boot_id", T.StringType()),
        T.StructField("sequence", T.LongType()),
        T.StructField("timestamp", T.TimestampType()),
        *(T.StructField(pollutant, T.DoubleType()) for pollutant in POLLUTANTS),
        T.StructField("longitude", T.DoubleType()),
        T.StructField("latitude", T.DoubleType()),
        T.StructField("schema_version", T.IntegerType()),
        T.StructField("thing_name", T.StringType()),
        T.StructField("received_at", T.TimestampType()),
        T.StructField("extra", T.MapType(T.StringType(), T.StringType())),
    ]
)
"""A reading; concentrations in µg/m³. The partition column ``date`` is its day in UTC."""

QUARANTINE = T.StructType(
    [T.StructField(name, T.StringType()) for name in ("raw_line", "reason", "detail", "source")]
)
"""A message that could not be read. The partition column ``date`` is its day of arrival."""


def read_days(spark: SparkSession, table: str, schema: T.StructType, dates: set[str]) -> DataFrame:
    """Rows of some days, which must exist, with the column ``date`` as a string."""
    with_date = T.StructType([*schema.fields, T.StructField("date", T.StringType())])
    return (
        spark.read.schema(with_date)
        .option("basePath", table)
        .parquet(*(f"{table}date={date}" for date in sorted(dates)))
    )


def replace_days(rows: DataFrame, table: str, schema: T.StructType) -> None:
    """Write rows so that the days they hold, and no others, are replaced.

    The rows may have been read from the same days: with dynamic partition overwrite, Spark
    writes all of them to a staging folder before it removes an old file.
    """
    columns = [F.col(field.name) for field in schema.fields]
    rows.select(*columns, "date").write.mode("overwrite").partitionBy("date").parquet(table)
