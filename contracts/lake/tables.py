"""Tables of the lake: the name, type and description of each column.

The Glue catalogue, Arrow's schemas (`contracts.lake.arrow_schemas`), Spark's
(`glue_jobs.lake.tables`) and docs/reference/tables.md are derived from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from contracts.lake import locations
from contracts.lake.forecasts import QUANTILE_COLUMNS
from contracts.lake.locations import Location
from contracts.messages.telemetry import POLLUTANTS


class Type(Enum):
    """Types of columns. The values are Hive's names, which the catalogue and Athena use."""

    TEXT = "string"
    TIME = "timestamp"  # UTC, to the microsecond
    NUMBER = "double"
    INT32 = "int"
    INT64 = "bigint"
    TEXTS = "map<string,string>"
    COUNTS = "map<string,bigint>"


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    type: Type
    description: str


@dataclass(frozen=True)
class Table:
    """A table of the lake.

    Parameters
    ----------
    columns
        All columns in the files; the partition column is `DATE` in every table.
    delta
        Whether a Delta log in ``_delta_log/`` lists the table's files, which may lie anywhere below
        the location. In other tables all files belong to the table. See
        docs/adr/0007-the-lake-commits-through-delta.md.
    """

    name: str
    location: Location
    description: str
    columns: tuple[Column, ...]
    delta: bool = False


DATE = Column("date", Type.TEXT, "UTC day")
"""The partition column of every table, stored in the files' paths."""

TELEMETRY = Table(
    "telemetry",
    locations.TELEMETRY,
    "Readings, each once, by the day measured",
    (
        Column("device_id", Type.TEXT, "device, as its messages say"),
        Column("boot_id", Type.TEXT, "start of the device; null before version 1"),
        Column("sequence", Type.INT64, "number within the start; null before version 1"),
        Column("timestamp", Type.TIME, "when it was measured, UTC"),
        *(Column(name, Type.NUMBER, "µg/m³; null is not measured") for name in POLLUTANTS),
        Column("longitude", Type.NUMBER, "degrees"),
        Column("latitude", Type.NUMBER, "degrees"),
        Column("schema_version", Type.INT32, "version of the message"),
        Column("thing_name", Type.TEXT, "IoT thing that published it"),
        Column("received_at", Type.TIME, "when the rule received it, UTC"),
        Column("extra", Type.TEXTS, "fields that the contract does not know"),
        Column("rejected", Type.TEXTS, "values that are null because they are impossible"),
    ),
    delta=True,
)

QUARANTINE = Table(
    "quarantine",
    locations.QUARANTINE,
    "Messages that could not be read, by day of arrival",
    (
        Column("raw_line", Type.TEXT, "what could not be read, as it came"),
        Column("reason", Type.TEXT, "kind of fault"),
        Column("detail", Type.TEXT, "expected and actual value"),
        Column("source", Type.TEXT, "key of the object it lay in"),
    ),
    delta=True,
)

SERIES_HOURLY = Table(
    "series_hourly",
    locations.SERIES_HOURLY,
    "Regular hourly series of devices and pollutants",
    (
        Column("device_id", Type.TEXT, "device"),
        Column("pollutant", Type.TEXT, "one of the telemetry's pollutants"),
        Column("hour", Type.TIME, "start of the hour, UTC"),
        Column("value", Type.NUMBER, "mean of the hour in µg/m³; null is a gap"),
    ),
    delta=True,
)

RUNS = Table(
    "runs",
    locations.RUNS,
    "What each run of a Glue job did, by the day it began",
    (
        Column("job", Type.TEXT, "one of the Glue jobs"),
        Column("run_id", Type.TEXT, "AWS Glue's id of the run"),
        Column("started", Type.TIME, "when the run began, UTC"),
        Column("seconds", Type.NUMBER, "from then to its end"),
        Column("outcome", Type.TEXT, "succeeded or failed"),
        Column("error", Type.TEXT, "why it failed"),
        Column(
            "window_start",
            Type.TIME,
            "begin of the arrival window, UTC; null where there is none",
        ),
        Column("window_end", Type.TIME, "its end, UTC"),
        Column("read", Type.INT64, "messages: kept + duplicates + merged + quarantined"),
        Column("kept", Type.INT64, "readings that are new in the lake"),
        Column("duplicates", Type.INT64, "readings that arrived twice or were in the lake already"),
        Column("merged", Type.INT64, "readings joined with others of their device and time"),
        Column("conflicts", Type.INT64, "kept readings that contradict another of their identity"),
        Column("rejected", Type.INT64, "values of readings that are not in the lake"),
        Column("late", Type.INT64, "readings that came after the day they were taken"),
        Column("quarantined", Type.INT64, "messages that could not be read"),
        Column("quarantined_by_reason", Type.COUNTS, "the same by reason"),
        Column("counts", Type.COUNTS, "what other jobs count"),
        Column("details", Type.TEXTS, "what else they say"),
        Column("spark_version", Type.TEXT, "version of Spark"),
        Column("python_version", Type.TEXT, "version of Python"),
    ),
)

FORECASTS = Table(
    "forecasts",
    locations.FORECASTS,
    "What was forecast each night, by the day of the origin",
    (
        Column("device_id", Type.TEXT, "device"),
        Column("pollutant", Type.TEXT, "one of the telemetry's pollutants"),
        Column(
            "origin", Type.TIME, "first hour of the forecast, UTC; what lay before it was known"
        ),
        Column("lead", Type.INT32, "1 is the hour that begins with the origin"),
        Column("hour", Type.TIME, "start of the hour that is forecast, UTC"),
        *(
            Column(column, Type.NUMBER, f"quantile {level} in µg/m³")
            for level, column in QUANTILE_COLUMNS.items()
        ),
        Column("mean", Type.NUMBER, "mean in µg/m³"),
        Column("model_version", Type.INT32, "version in the model package group"),
        Column("run", Type.TEXT, "execution of the state machine that wrote it"),
    ),
)

TABLES = (TELEMETRY, QUARANTINE, SERIES_HOURLY, RUNS, FORECASTS)
