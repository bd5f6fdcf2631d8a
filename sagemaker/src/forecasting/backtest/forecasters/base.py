"""The interface of a model that can be backtested, and the quantiles that it forecasts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from evaluation_container.scoring.metrics import LEVELS, Floats
from evaluation_container.scoring.scores import BANDS

from forecasting.backtest.history import History

BAND_LEVELS: Floats = np.unique(
    np.concatenate([LEVELS, [level for band in BANDS.values() for level in band]])
)
"""Quantiles of a backtested forecast: those that are published, and the bounds of `BANDS`."""

Report = Callable[[float], None]
"""Told what share of a long work, 0 to 1, is done."""


class Forecaster(Protocol):
    """A model of all stations and pollutants."""

    def fit(self, history: History, report: Report) -> None:
        """Learn from a history; nothing after it is ever shown to ``fit``."""

    def predict(self, history: History) -> Floats:
        """Forecast the `HORIZON` hours from a history's end on, without learning anew.

        Returns
        -------
        Shape (stations, pollutants, hours, `BAND_LEVELS`), µg/m³: finite, not negative, not
        descending from one quantile to the next.
        """


@dataclass(frozen=True)
class Contestant:
    """A model as it is backtested.

    Parameters
    ----------
    weather_known
        Whether it is shown the recorded weather of the hours that it forecasts.
    """

    model: str
    seed: int
    weather_known: bool = False

    @property
    def name(self) -> str:
        """As it is called in tables."""
        return f"{self.model}, weather known" if self.weather_known else self.model
