"""The plain gradient-boosted rival learns from each series' own past, and from nothing else."""

# ruff: noqa: DTZ001  (the histories are in local time without a zone)
from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from forecasting.backtest.forecasters.base import BAND_LEVELS
from forecasting.backtest.forecasters.own_lags import OwnLags
from forecasting.backtest.history import TARGETS, History
from forecasting.errors import ForecastingError

MEDIAN = int(np.flatnonzero(BAND_LEVELS == 0.5)[0])


def made_up(days=60):
    """A daily cycle with noise, positive; nothing but pollutants."""
    hours = np.arange(days * 24)
    cycle = 30 + 20 * np.sin(2 * np.pi * hours / 24)
    noise = np.random.default_rng(1).normal(0, 3, (2, len(TARGETS), len(hours)))
    return History(datetime(2024, 1, 1), ("a", "b"), np.abs(cycle + noise), drivers=())


def fitted(history):
    model = OwnLags(seed=1, rounds=40)
    model.fit(history, lambda _: None)
    return model


@pytest.fixture(scope="module")
def history():
    return made_up()


@pytest.fixture(scope="module")
def model(history):
    return fitted(history)


def test_a_daily_cycle_is_learned(history, model):
    cycle = 30 + 20 * np.sin(2 * np.pi * np.arange(24) / 24)
    told = model.predict(history)
    assert np.abs(told[..., MEDIAN] - cycle).mean() < 6
    assert np.abs(told[..., MEDIAN] - cycle.mean()).mean() > 9


def test_forecasts_are_ordered_finite_and_not_negative_whatever_is_missing(model):
    silent = made_up()
    silent.values[0, :, -30 * 24 :] = np.nan
    silent.values[1, 1] = 0.0
    found = model.predict(silent)
    assert found.shape == (2, len(TARGETS), 24, len(BAND_LEVELS))
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (np.diff(found, axis=-1) >= 0).all()


def test_a_series_is_forecast_from_its_own_past_alone(history, model):
    other = made_up()
    other.values[1] *= 3
    other.values[0, 1:] *= 3
    np.testing.assert_array_equal(model.predict(other)[0, 0], model.predict(history)[0, 0])


def test_a_pollutant_that_was_never_measured_is_forecast_as_none(history):
    unmeasured = made_up()
    unmeasured.values[:, TARGETS.index("SO2")] = np.nan
    found = fitted(unmeasured).predict(unmeasured)
    assert (found[:, TARGETS.index("SO2")] == 0).all()


def test_too_short_a_history_is_refused_with_what_is_needed():
    with pytest.raises(ForecastingError, match="own-lags needs more than 696 hours"):
        fitted(made_up(days=28))
