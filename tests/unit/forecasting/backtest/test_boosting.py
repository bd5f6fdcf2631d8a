"""Boosting in a backtest learns, keeps to what is possible, and says what it lacks."""

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


def made_up(days=DAYS, stations=2, seed=1):
    """A daily cycle with noise, positive."""
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
    return made_up()


@pytest.fixture(scope="module")
def model(history):
    return fitted(history)


def test_boosting_learns_a_daily_cycle_that_persistence_does_not_see(history, model):
    naive = Persistence()
    naive.fit(history, lambda _: None)
    came = made_up(DAYS + 1).targets()[:, :, -24:]
    middle = int(np.flatnonzero(BAND_LEVELS == 0.5)[0])
    errors = [np.abs(one.predict(history)[..., middle] - came).mean() for one in (model, naive)]
    assert errors[0] < errors[1] / 2


def test_a_seed_makes_forecasts_the_same_bit_for_bit(history, model):
    np.testing.assert_array_equal(model.predict(history), fitted(history).predict(history))
    assert (model.predict(history) != fitted(history, seed=2).predict(history)).any()


def test_forecasts_are_ordered_finite_and_not_negative_whatever_is_missing(history, model):
    def break_off(values):
        values[0, :, -30 * 24 :] = np.nan  # a station that went silent
        values[1, 0, -300:] = np.nan
        values[1, 1] = 0.0

    found = model.predict(with_values(history, break_off))
    assert found.shape == (2, len(TARGETS), 24, len(BAND_LEVELS))
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (np.diff(found, axis=-1) >= 0).all()


def test_a_pollutant_that_was_never_measured_is_forecast_as_none(history):
    def forget(values):
        values[:, TARGETS.index("SO2")] = np.nan

    unmeasured = with_values(history, forget)
    found = fitted(unmeasured).predict(unmeasured)
    assert (found[:, TARGETS.index("SO2")] == 0).all()
    assert (found[:, TARGETS.index("O3")] > 0).any()


def test_too_short_a_history_is_refused_with_what_is_needed(history):
    short = history.until(START + timedelta(days=LEAST_HISTORY // 24 + 1))
    with pytest.raises(ForecastingError, match="boosting needs values on at least 9 days; got 8"):
        fitted(short)


def test_weather_that_is_known_in_advance_is_made_use_of():
    history = made_up()
    warm = np.random.default_rng(5).uniform(0, 30, (len(history.stations), history.hours))
    history.values[:, COLUMNS.index("TEMP")] = warm
    history.values[:, TARGETS.index("O3")] = 5 + warm  # of the same hour: no past tells it
    origin = START + timedelta(days=DAYS - 1)
    came = history.since(origin).of("O3")
    middle = int(np.flatnonzero(BAND_LEVELS == 0.5)[0])
    errors = []
    for known in (history, history.with_weather_known()):
        told = fitted(known.until(origin)).predict(known.until(origin))
        errors.append(np.abs(told[:, TARGETS.index("O3"), :, middle] - came).mean())
    assert errors[1] < errors[0] / 2
