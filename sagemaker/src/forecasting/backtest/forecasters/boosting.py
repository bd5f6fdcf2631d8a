"""Gradient-boosted quantiles in a backtest: runs the container's code in this process."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from boosting_container import training
from boosting_container.hyperparameters import Hyperparameters
from boosting_container.windows import LOOK_BACK
from container_runtime.errors import DataError
from evaluation_container.scoring.metrics import Floats

from contracts.models.forecast_input import FREQUENCY, HORIZON
from forecasting.backtest.forecasters.base import BAND_LEVELS, Report
from forecasting.backtest.history import HOUR, History
from forecasting.backtest.instances import instances, training_instances
from forecasting.errors import ForecastingError

DEFAULTS = Hyperparameters(FREQUENCY, HORIZON)


class Boosting:
    """Gradient-boosted quantiles of all stations and pollutants.

    Parameters
    ----------
    seed
        Random seed; the same seed and data give the same forecasts.
    """

    def __init__(self, seed: int, hyperparameters: Hyperparameters = DEFAULTS) -> None:
        self.hyperparameters = replace(hyperparameters, seed=seed)

    def fit(self, history: History, report: Report) -> None:
        """Train on every pollutant.

        Raises
        ------
        ForecastingError
            The history is too short.
        """
        try:
            self._model, _ = training.fit(training_instances(history), self.hyperparameters, report)
        except DataError as error:
            raise ForecastingError(f"boosting cannot be trained: {error}") from None

    def predict(self, history: History) -> Floats:
        series = instances(history.since(history.end - LOOK_BACK * HOUR))
        found = np.zeros((len(series), HORIZON, len(BAND_LEVELS)))
        # a pollutant without any measurement is forecast as zero
        known = [place for place, one in enumerate(series) if one.cat[-1] in self._model.groups]
        forecasts = self._model.forecast([series[place] for place in known], num_samples=1)
        for place, forecast in zip(known, forecasts, strict=True):
            found[place] = forecast.quantiles(BAND_LEVELS.tolist()).T
        shape = (len(history.stations), len(history.pollutants), HORIZON, len(BAND_LEVELS))
        return found.reshape(shape)
