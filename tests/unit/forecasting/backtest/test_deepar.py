"""DeepAR in a backtest: the container's, and GluonTS's as it comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from deepar_container import training
from deepar_container.hyperparameters import Hyperparameters
from forecasting.backtest.forecasters.base import BAND_LEVELS
from forecasting.backtest.forecasters.deepar import DEFAULTS, DeepAR
from forecasting.backtest.forecasters.stock_deepar import StockDeepAR
from forecasting.backtest.history import COLUMNS, HOUR, History
from forecasting.errors import ForecastingError
from forecasting.settings import Settings

ENVIRONMENTS = Path(__file__).parents[4] / "infra" / "environments"
START = datetime(2024, 1, 1)  # noqa: DTZ001  (local time, as in the files)
TINY = replace(DEFAULTS, context_length=6, epochs=1, num_cells=4, num_layers=1, mini_batch_size=4)


@pytest.fixture(autouse=True)
def few_batches(monkeypatch):
    """A model that has hardly learnt shows what these tests are about."""
    monkeypatch.setattr(training, "LEAST_BATCHES", 5)


def made_up(hours=300):
    """Two stations with a daily cycle; one has never measured its last pollutant."""
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
def test_a_forecast_is_positive_ordered_and_the_seeds(make):
    history = made_up()
    told = []
    for seed in (3, 3, 4):
        model, shares = make(seed), []
        model.fit(history, shares.append)
        told.append(model.predict(history))
        assert shares == [1.0]
    assert told[0].shape == (2, 5, 24, len(BAND_LEVELS))
    assert np.isfinite(told[0]).all() and (told[0] >= 0).all()
    assert (np.diff(told[0], axis=-1) >= 0).all()
    assert np.array_equal(told[0], told[1])
    assert not np.array_equal(told[0], told[2])


def test_weather_that_is_known_changes_the_forecast():
    history = made_up().with_weather_known()
    origin = history.end - 30 * HOUR
    model = DeepAR(1, TINY)
    model.fit(history.until(origin), lambda _: None)
    calm = history.until(origin)
    to_come = np.arange(calm.weather.shape[2]) >= calm.hours
    windy = replace(calm, weather=calm.weather + 100 * to_come)
    assert not np.array_equal(model.predict(calm), model.predict(windy))


def test_a_history_without_a_value_to_learn_from_is_refused():
    history = made_up(hours=20)
    with pytest.raises(ForecastingError, match=r"DeepAR cannot be trained: .* longer series"):
        DeepAR(1, TINY).fit(history, lambda _: None)


@pytest.mark.parametrize("name", ["local", "dev", "staging", "prod"])
def test_a_backtest_judges_the_settings_that_are_deployed(name):
    settings = Settings.read(ENVIRONMENTS / f"{name}.toml").training
    assert Hyperparameters.parse(settings.hyperparameters["deepar"]) == DEFAULTS
