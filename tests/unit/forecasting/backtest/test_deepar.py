"""DeepAR in a backtest: the container's, and GluonTS's with default settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from deepar_container import training
from deepar_container.hyperparameters import Hyperparameters
from forecasting.backtest.forecasters.base import BAND_LEVELS
from forecasting.backtest.forecasters.deepar import DEFAULTS, DeepAR
from forecasting.backtest.forecasters.stock_deepar import StockDeepAR
from forecasting.backtest.history import COLUMNS, HOUR, History
from forecasting.errors import ForecastingError

from contracts.settings.load import load

START = datetime(2024, 1, 1)  # noqa: DTZ001  (local time, as in the files)
TINY = replace(DEFAULTS, context_length=6, epochs=1, num_cells=4, num_layers=1, mini_batch_size=4)


@pytest.fixture(autouse=True)
def few_batches(monkeypatch):
    """Shorten the training: these tests do not need an accurate model."""
    monkeypatch.setattr(training, "LEAST_BATCHES", 5)


def generated(hours=300):
    """Generate two stations with a daily cycle; one has no values of its last pollutant."""
    cycle = 20 * (1.5 + np.sin(2 * np.pi * np.arange(hours) / 24))
    noise = np.random.default_rng(1).gamma(9, 1 / 9, (2, len(COLUMNS), hours))
    history = History(START, ("Hill", "Quay"), cycle * noise)
    history.values[1, 4] = np.nan
    return history


@pytest.mark.parametrize(
    "make",
    [lambda seed: DeepAR(seed, TINY), lambda seed: StockDeepAR(seed, epochs=1)],
    ids=["own", "stock"],
)
def test_a_forecast_is_positive_ordered_and_reproducible_by_its_seed(make):
    history = generated()
    forecasts = []
    for seed in (3, 3, 4):
        model, shares = make(seed), []
        model.fit(history, shares.append)
        forecasts.append(model.predict(history))
        assert shares == [1.0]
    assert forecasts[0].shape == (2, 5, 24, len(BAND_LEVELS))
    assert np.isfinite(forecasts[0]).all() and (forecasts[0] >= 0).all()
    assert (np.diff(forecasts[0], axis=-1) >= 0).all()
    assert np.array_equal(forecasts[0], forecasts[1])
    assert not np.array_equal(forecasts[0], forecasts[2])


def test_known_weather_changes_the_forecast():
    history = generated().with_weather_known()
    origin = history.end - 30 * HOUR
    model = DeepAR(1, TINY)
    model.fit(history.until(origin), lambda _: None)
    calm = history.until(origin)
    to_come = np.arange(calm.weather.shape[2]) >= calm.hours
    windy = replace(calm, weather=calm.weather + 100 * to_come)
    assert not np.array_equal(model.predict(calm), model.predict(windy))


def test_a_history_without_training_values_is_rejected():
    history = generated(hours=20)
    with pytest.raises(ForecastingError, match=r"DeepAR cannot be trained: .* longer series"):
        DeepAR(1, TINY).fit(history, lambda _: None)


@pytest.mark.parametrize("name", ["local", "dev", "staging", "prod"])
def test_a_backtest_uses_the_hyperparameters_of_every_environment(name):
    settings = load(name).forecast.training
    assert Hyperparameters.parse(settings.hyperparameters["deepar"]) == DEFAULTS
