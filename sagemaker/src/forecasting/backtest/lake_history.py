"""The lake's hourly series as a history to backtest on."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from contracts.messages.telemetry import POLLUTANTS
from contracts.models.forecast_input import HORIZON
from forecasting.backtest.history import History
from forecasting.backtest.rolling_origin import DAY, Plan
from forecasting.errors import ForecastingError
from forecasting.lake.hourly_series import Lake, SeriesKey

TEST_DAYS = 14
"""Origins of a backtest where nothing else is asked for; fewer where a quarter of the data is."""


def history(lake: Lake) -> History:
    """All devices up to the last hour with data; its time is UTC, without a zone."""
    devices = tuple(sorted({key.device_id for key in lake.values}))
    hours = lake.position(lake.end)
    missing = np.full(hours, np.nan)
    values = [
        [lake.values.get(SeriesKey(device, name), missing)[:hours] for name in POLLUTANTS]
        for device in devices
    ]
    start = lake.start.replace(tzinfo=None)
    return History(start, devices, np.array(values), pollutants=POLLUTANTS, drivers=())


def last_days(known: History) -> Plan:
    """The last days of a history of which all hours came, each an origin.

    Raises
    ------
    ForecastingError
        There are fewer than four days.
    """
    end = known.end - timedelta(hours=HORIZON)
    test_end = end.replace(hour=0) + DAY
    days = min(TEST_DAYS, (test_end - known.start) // DAY // 4)
    if days < 1:
        raise ForecastingError(
            f"a backtest needs four days of data and more; the lake has {known.hours} hours"
        )
    return Plan(test_end - days * DAY, test_end)
