"""Converts the lake's hourly series into a history for a backtest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from contracts.messages.telemetry import POLLUTANTS
from contracts.models.forecast_input import HORIZON
from forecasting.backtest.history import History
from forecasting.backtest.rolling_origin import DAY, ORIGIN_HOURS, Plan
from forecasting.errors import ForecastingError
from forecasting.lake.hourly_series import Lake, SeriesKey

TEST_DAYS = 14
"""Default number of days with origins of a backtest, at most a quarter of the data's days."""


def history(lake: Lake) -> History:
    """Build the history of all devices up to the last hour with data, in UTC without a zone."""
    devices = tuple(sorted({key.device_id for key in lake.values}))
    hours = lake.position(lake.end)
    missing = np.full(hours, np.nan)
    values = [
        [lake.values.get(SeriesKey(device, name), missing)[:hours] for name in POLLUTANTS]
        for device in devices
    ]
    start = lake.start.replace(tzinfo=None)
    return History(start, devices, np.array(values), pollutants=POLLUTANTS, drivers=())


def last_days(known: History, origin_hours: Sequence[int] = ORIGIN_HOURS) -> Plan:
    """Plan origins on the last days of a history; all their forecast hours are known.

    Raises
    ------
    ForecastingError
        The history has fewer than four days.
    """
    end = known.end - timedelta(hours=HORIZON + max(origin_hours, default=0))
    test_end = end.replace(hour=0) + DAY
    days = min(TEST_DAYS, (test_end - known.start) // DAY // 4)
    if days < 1:
        raise ForecastingError(
            f"a backtest needs at least four days of data; there are {known.hours} hours"
        )
    return Plan(test_end - days * DAY, test_end, origin_hours=origin_hours)
