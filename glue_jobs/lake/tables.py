"""Schemas of the curated tables that `telemetry_to_parquet` writes."""

from __future__ import annotations

from pyspark.sql import types as T  # noqa: N812

from contracts.messages.telemetry import POLLUTANTS

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
