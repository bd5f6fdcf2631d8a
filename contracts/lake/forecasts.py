"""One row a device, pollutant and hour to come: the table ``forecasts``, made each night.

The rows of one origin are one object, ``curated/forecasts/date=YYYY-MM-DD/<origin>.parquet``, so
that forecasting from an origin again replaces what was there.
"""

from __future__ import annotations

from datetime import UTC, datetime

from contracts.models.forecast_input import QUANTILES

QUANTILE_COLUMNS = {level: f"q{round(100 * float(level))}" for level in QUANTILES}
"""Column of each quantile: Athena's names hold no dots."""


def forecasts_key(origin: datetime) -> str:
    """Where below `contracts.lake.locations.FORECASTS` the rows of an origin lie."""
    hour = origin.astimezone(UTC)
    return f"date={hour:%Y-%m-%d}/{hour:%Y%m%dT%H}.parquet"


def beside_truth(days: str) -> str:
    """SQL of forecasts beside what came; NULL where nothing came, or not yet.

    Parameters
    ----------
    days
        Of the origins: an operator and its right side, such as ``= '2026-06-01'``.
    """
    columns = ", ".join(f"f.{column}" for column in QUANTILE_COLUMNS.values())
    return (
        f"SELECT f.device_id, f.pollutant, f.origin, f.lead, f.hour, {columns}, f.mean, "
        "s.value AS came, f.model_version\n"
        f"FROM forecasts f LEFT JOIN series_hourly s\n"
        "  ON s.device_id = f.device_id AND s.pollutant = f.pollutant AND s.hour = f.hour\n"
        f"WHERE f.date {days}\n"
        "ORDER BY f.device_id, f.pollutant, f.hour, f.origin"
    )


LAST_WEEK = ">= CAST(CAST(current_date - INTERVAL '8' DAY AS date) AS varchar)"
"""Days of `beside_truth` whose forecasts have come true lately."""
