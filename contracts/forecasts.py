"""One row a device, pollutant and hour to come: the table ``forecasts``, made each night.

The rows of one origin are one object, ``curated/forecasts/date=YYYY-MM-DD/<origin>.parquet``, so
that forecasting from an origin again replaces what was there.
"""

from __future__ import annotations

from datetime import UTC, datetime

from contracts.forecast_input import QUANTILES

TABLE = "forecasts"

QUANTILE_COLUMNS = {level: f"q{round(100 * float(level))}" for level in QUANTILES}
"""Column of each quantile: Athena's names hold no dots."""

COLUMNS = {
    "device_id": ("string", "device"),
    "pollutant": ("string", "one of the telemetry's pollutants"),
    "origin": ("timestamp", "first hour of the forecast, UTC; what lay before it was known"),
    "lead": ("int", "1 is the hour that begins with the origin"),
    "hour": ("timestamp", "start of the hour that is forecast, UTC"),
    **{
        column: ("double", f"quantile {level} in µg/m³")
        for level, column in QUANTILE_COLUMNS.items()
    },
    "mean": ("double", "mean in µg/m³"),
    "model_version": ("int", "version in the model package group"),
    "run": ("string", "execution of the state machine that wrote it"),
}
"""Columns of the table by name: Hive's type, and what it holds."""


def forecasts_key(origin: datetime) -> str:
    """Where below `contracts.lake.FORECASTS` the rows of an origin lie."""
    hour = origin.astimezone(UTC)
    return f"date={hour:%Y-%m-%d}/{hour:%Y%m%dT%H}.parquet"
