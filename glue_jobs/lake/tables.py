"""Spark schemas of the tables that the jobs write, derived from `contracts.lake.tables`."""

from __future__ import annotations

from pyspark.sql import types as T  # noqa: N812

from contracts.lake import tables
from contracts.lake.tables import Table, Type

_TYPES: dict[Type, T.DataType] = {
    Type.TEXT: T.StringType(),
    Type.TIME: T.TimestampType(),
    Type.NUMBER: T.DoubleType(),
    Type.INT32: T.IntegerType(),
    Type.INT64: T.LongType(),
    Type.TEXTS: T.MapType(T.StringType(), T.StringType()),
    Type.COUNTS: T.MapType(T.StringType(), T.LongType()),
}


def spark_schema(table: Table) -> T.StructType:
    """Return the columns of a table's files, without the partition column."""
    return T.StructType([T.StructField(one.name, _TYPES[one.type]) for one in table.columns])


READINGS = spark_schema(tables.TELEMETRY)
QUARANTINE = spark_schema(tables.QUARANTINE)
SERIES = spark_schema(tables.SERIES_HOURLY)
