"""The lake's series as a history for a backtest."""

# ruff: noqa: DTZ001  (a history's time has no zone)
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from forecasting.backtest.lake_history import history, last_days
from forecasting.errors import ForecastingError
from forecasting.lake.hourly_series import Lake, SeriesKey

from contracts.messages.telemetry import POLLUTANTS

START = datetime(2024, 5, 1, 6, tzinfo=UTC)


def lake(hours=30 * 24, silent=5):
    """Build ozone of two devices and carbon monoxide of one; the last hours have no values."""
    row = np.append(np.arange(float(hours - silent)), np.full(silent, np.nan))
    keys = [("b", "ozone"), ("a", "ozone"), ("b", "carbon_monoxide")]
    return Lake(START, {SeriesKey(*key): row + n for n, key in enumerate(keys)})


def test_devices_become_stations_and_unmeasured_pollutants_are_missing():
    known = history(lake())
    assert (known.stations, known.pollutants, known.drivers) == (("a", "b"), POLLUTANTS, ())
    assert (known.start, known.hours) == (START.replace(tzinfo=None), 30 * 24 - 5)
    assert known.of("ozone")[0, 0] == 1.0
    assert known.of("carbon_monoxide")[1, 0] == 2.0
    assert np.isnan(known.of("carbon_monoxide")[0]).all()


def test_the_last_days_are_complete_days():
    plan = last_days(history(lake()), [0])  # until 2024-05-31 01:00
    assert plan.origins()[-1] == datetime(2024, 5, 30)
    assert len(plan.origins()) == 30 // 4
    assert len(last_days(history(lake(hours=100 * 24)), [0]).origins()) == 14


@pytest.mark.parametrize("silent", range(5, 30))
def test_the_hours_of_every_forecast_are_known(silent):
    known = history(lake(silent=silent))
    origins = last_days(known).origins()
    assert {origin.hour for origin in origins} == {0, 6, 12, 18}
    assert timedelta(hours=24) <= known.end - origins[-1] < timedelta(hours=48)


def test_a_lake_with_few_days_cannot_be_backtested():
    with pytest.raises(ForecastingError, match="needs at least four days"):
        last_days(history(lake(hours=60)))
