"""DeepAR in a backtest: runs the container's code in this process."""

from __future__ import annotations

import numpy as np
from container_runtime.errors import DataError
from deepar_container import training
from deepar_container.commands import configure_torch
from deepar_container.hyperparameters import Hyperparameters
from deepar_container.model import DeepAR as Model
from evaluation_container.scoring.metrics import Floats

from contracts.models.forecast_input import FREQUENCY, HORIZON, RECENT_HOURS
from forecasting.backtest.forecasters.base import BAND_LEVELS, Report
from forecasting.backtest.history import HOUR, History
from forecasting.backtest.instances import instances, training_instances
from forecasting.errors import ForecastingError

DEFAULTS = Hyperparameters(
    FREQUENCY,
    context_length=48,
    prediction_length=HORIZON,
    epochs=7,
    mini_batch_size=32,
    learning_rate=0.003,
)
"""Hyperparameters of every environment's settings; a test keeps them equal."""

SAMPLES = 200
"""Number of sample paths from which quantiles are computed."""


class DeepAR:
    """One DeepAR model of all stations and pollutants.

    Parameters
    ----------
    seed
        Random seed; the same seed and data give the same forecasts.
    """

    def __init__(self, seed: int, hyperparameters: Hyperparameters = DEFAULTS) -> None:
        self.seed = seed
        self.hyperparameters = hyperparameters

    def fit(self, history: History, report: Report) -> None:
        """Train on every series that has values.

        Raises
        ------
        ForecastingError
            The history is too short.
        """
        configure_torch()
        try:
            series = training.trainable(training_instances(history), HORIZON)
            settings = training.settings_for(self.hyperparameters, series)
            fitted = training.fit(
                settings,
                series,
                lambda epoch, _: report((epoch + 1) / settings.hyperparameters.epochs),
                self.seed,
            )
        except DataError as error:
            raise ForecastingError(f"DeepAR cannot be trained: {error}") from None
        self._model = Model(settings, fitted.weights)

    def predict(self, history: History) -> Floats:
        series = instances(history.since(history.end - RECENT_HOURS * HOUR))
        paths = self._model.sample(series, SAMPLES).astype(np.float64)
        quantiles = np.moveaxis(np.quantile(paths, BAND_LEVELS, axis=1), 0, -1)
        return quantiles.reshape(len(history.stations), -1, HORIZON, len(BAND_LEVELS))
