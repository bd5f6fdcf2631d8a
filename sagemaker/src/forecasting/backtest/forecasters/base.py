"""The interface of a model in a backtest, and the quantiles that it forecasts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from evaluation_container.scoring.metrics import Floats

from contracts.models.forecast_input import JUDGED_QUANTILES
from forecasting.backtest.history import History

BAND_LEVELS: Floats = np.array([float(level) for level in JUDGED_QUANTILES])
"""Quantiles of a backtest's forecasts."""

Report = Callable[[float], None]
"""A function that receives the share of a long task that is done, 0 to 1."""


class Forecaster(Protocol):
    """A model of all stations and pollutants."""

    def fit(self, history: History, report: Report) -> None:
        """Train on a history, which ends before the first origin."""

    def predict(self, history: History) -> Floats:
        """Forecast the `HORIZON` hours after a history, without training again.

        Returns
        -------
        Quantiles in µg/m³, shape (stations, pollutants, hours, `BAND_LEVELS`): finite, not
        negative, ascending.
        """


@dataclass(frozen=True)
class Contestant:
    """A model in a backtest.

    Parameters
    ----------
    weather_known
        Whether it gets the recorded weather of the forecast hours.
    """

    model: str
    seed: int
    weather_known: bool = False

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"{self.model}, weather known" if self.weather_known else self.model
