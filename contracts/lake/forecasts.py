"""The table ``forecasts``, written each night: one row per device, pollutant and future hour.

The rows of one origin are one object, ``curated/forecasts/date=YYYY-MM-DD/<origin>.parquet``, so
a repeated forecast from an origin replaces the earlier one.
"""

from __future__ import annotations

from datetime import UTC, datetime

from contracts.models.forecast_input import QUANTILES

QUANTILE_COLUMNS = {level: f"q{round(100 * float(level))}" for level in QUANTILES}
"""Column of each quantile; column names in Athena cannot contain dots."""


def forecasts_key(origin: datetime) -> str:
    """Returns the key of an origin's rows below `contracts.lake.locations.FORECASTS`."""
    hour = origin.astimezone(UTC)
    return f"date={hour:%Y-%m-%d}/{hour:%Y%m%dT%H}.parquet"


def with_observed_values(days: str) -> str:
    """Returns SQL of forecasts and the observed values; NULL if there is no observation (yet).

    Parameters
    ----------
    days
        Days of the origins: an operator and its right side, such as ``= '2026-06-01'``.
    """
    columns = ", ".join(f"f.{column}" for column in QUANTILE_COLUMNS.values())
    return (
        f"SELECT f.device_id, f.pollutant, f.origin, f.lead, f.hour, {columns}, f.mean, "
        "s.value AS observed, f.model_version\n"
        f"FROM forecasts f LEFT JOIN series_hourly s\n"
        "  ON s.device_id = f.device_id AND s.pollutant = f.pollutant AND s.hour = f.hour\n"
        f"WHERE f.date {days}\n"
        "ORDER BY f.device_id, f.pollutant, f.hour, f.origin"
    )


LAST_WEEK = ">= CAST(CAST(current_date - INTERVAL '8' DAY AS date) AS varchar)"
"""Argument of `with_observed_values` for the last week, whose hours have mostly been observed."""
