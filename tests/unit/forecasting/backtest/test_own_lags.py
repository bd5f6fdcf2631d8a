"""The gradient-boosted baseline learns only from each series' own history."""

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


def generated(days=60):
    """Generate a positive daily cycle with noise, without drivers."""
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
    return generated()


@pytest.fixture(scope="module")
def model(history):
    return fitted(history)


def test_a_daily_cycle_is_learned(history, model):
    cycle = 30 + 20 * np.sin(2 * np.pi * np.arange(24) / 24)
    forecast = model.predict(history)
    assert np.abs(forecast[..., MEDIAN] - cycle).mean() < 6
    assert np.abs(forecast[..., MEDIAN] - cycle.mean()).mean() > 9


def test_forecasts_from_incomplete_history_are_ordered_finite_and_not_negative(model):
    silent = generated()
    silent.values[0, :, -30 * 24 :] = np.nan
    silent.values[1, 1] = 0.0
    found = model.predict(silent)
    assert found.shape == (2, len(TARGETS), 24, len(BAND_LEVELS))
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (np.diff(found, axis=-1) >= 0).all()


def test_a_series_is_forecast_only_from_its_own_history(history, model):
    other = generated()
    other.values[1] *= 3
    other.values[0, 1:] *= 3
    np.testing.assert_array_equal(model.predict(other)[0, 0], model.predict(history)[0, 0])


def test_a_pollutant_without_any_measurement_is_forecast_as_zero(history):
    unmeasured = generated()
    unmeasured.values[:, TARGETS.index("SO2")] = np.nan
    found = fitted(unmeasured).predict(unmeasured)
    assert (found[:, TARGETS.index("SO2")] == 0).all()


def test_a_short_history_is_rejected_with_the_required_length():
    with pytest.raises(ForecastingError, match="own-lags needs more than 696 hours"):
        fitted(generated(days=28))
