"""Boosting in a backtest: accuracy, valid forecasts, and errors for short histories."""

# ruff: noqa: DTZ001  (the histories are in local time without a zone)
from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from boosting_container.training import LEAST_HISTORY
from forecasting.backtest.forecasters.base import BAND_LEVELS
from forecasting.backtest.forecasters.boosting import DEFAULTS, Boosting
from forecasting.backtest.forecasters.naive import Persistence
from forecasting.backtest.history import COLUMNS, TARGETS, History
from forecasting.errors import ForecastingError

START = datetime(2024, 1, 1)
DAYS = 70
SMALL = replace(
    DEFAULTS, folds=2, block_days=7, rounds=30, learning_rate=0.2, num_leaves=7,
    min_data_in_leaf=20, outer_num_leaves=7, outer_min_data_in_leaf=20, feature_fraction=0.5,
)  # fmt: skip


def generated(days=DAYS, stations=2, seed=1):
    """Generate a positive daily cycle with noise."""
    hours = np.arange(days * 24)
    cycle = 30 + 20 * np.sin(2 * np.pi * hours / 24)
    noise = np.random.default_rng(seed).normal(0, 3, (stations, len(COLUMNS), len(hours)))
    return History(START, tuple(f"s{n}" for n in range(stations)), np.abs(cycle + noise))


def with_values(history, change):
    values = history.values.copy()
    change(values)
    return replace(history, values=values)


def fitted(history, seed=1):
    model = Boosting(seed, SMALL)
    model.fit(history, lambda _: None)
    return model


@pytest.fixture(scope="module")
def history():
    return generated()


@pytest.fixture(scope="module")
def model(history):
    return fitted(history)


def test_boosting_learns_a_daily_cycle_and_beats_persistence(history, model):
    naive = Persistence()
    naive.fit(history, lambda _: None)
    actual = generated(DAYS + 1).targets()[:, :, -24:]
    middle = int(np.flatnonzero(BAND_LEVELS == 0.5)[0])
    errors = [np.abs(one.predict(history)[..., middle] - actual).mean() for one in (model, naive)]
    assert errors[0] < errors[1] / 2


def test_forecasts_are_reproducible_bit_for_bit_by_their_seed(history, model):
    np.testing.assert_array_equal(model.predict(history), fitted(history).predict(history))
    assert (model.predict(history) != fitted(history, seed=2).predict(history)).any()


def test_forecasts_from_incomplete_history_are_ordered_finite_and_not_negative(history, model):
    def break_off(values):
        values[0, :, -30 * 24 :] = np.nan  # a station without recent values
        values[1, 0, -300:] = np.nan
        values[1, 1] = 0.0

    found = model.predict(with_values(history, break_off))
    assert found.shape == (2, len(TARGETS), 24, len(BAND_LEVELS))
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (np.diff(found, axis=-1) >= 0).all()


def test_a_pollutant_without_any_measurement_is_forecast_as_zero(history):
    def forget(values):
        values[:, TARGETS.index("SO2")] = np.nan

    unmeasured = with_values(history, forget)
    found = fitted(unmeasured).predict(unmeasured)
    assert (found[:, TARGETS.index("SO2")] == 0).all()
    assert (found[:, TARGETS.index("O3")] > 0).any()


def test_a_short_history_is_rejected_with_the_required_length(history):
    short = history.until(START + timedelta(days=LEAST_HISTORY // 24 + 1))
    with pytest.raises(ForecastingError, match="boosting needs values on at least 9 days; got 8"):
        fitted(short)


def test_weather_that_is_known_in_advance_improves_the_forecast():
    history = generated()
    warm = np.random.default_rng(5).uniform(0, 30, (len(history.stations), history.hours))
    history.values[:, COLUMNS.index("TEMP")] = warm
    history.values[:, TARGETS.index("O3")] = 5 + warm  # unpredictable from the history
    origin = START + timedelta(days=DAYS - 1)
    actual = history.since(origin).of("O3")
    middle = int(np.flatnonzero(BAND_LEVELS == 0.5)[0])
    errors = []
    for known in (history, history.with_weather_known()):
        forecast = fitted(known.until(origin)).predict(known.until(origin))
        errors.append(np.abs(forecast[:, TARGETS.index("O3"), :, middle] - actual).mean())
    assert errors[1] < errors[0] / 2
