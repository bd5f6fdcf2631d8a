"""Exponential smoothing, its form chosen for each series: statsforecast's AutoETS."""

from __future__ import annotations

import numpy as np
import pandas as pd
from evaluation_container.scoring.metrics import SEASON, Floats
from statsforecast.models import AutoETS as Model

from contracts.models.forecast_input import HORIZON
from forecasting.backtest.forecasters.base import BAND_LEVELS, Report
from forecasting.backtest.history import HOUR, History

FITTED_DAYS = 56
"""Last days of the training from which form and parameters are chosen: with all of it a fit takes
minutes a series, and the daily course drifts with the season anyway."""

FORM = "AZZ"
"""Additive errors; trend and season as AICc says. With multiplicative errors, which AICc prefers
for some series, a walk from near zero explodes: the loss of such bands is in the thousands."""

BANDS = [int(level) for level in np.unique(np.round(200 * np.abs(BAND_LEVELS - 0.5)))]
"""Percentages of the bands that `BAND_LEVELS` bound; 0 is the median."""


class AutoETS:
    """A model a series, chosen in training; at every origin its states are rolled forward.

    Gaps are filled along a line, as the smoothing knows none.
    """

    def fit(self, history: History, report: Report) -> None:
        recent = history.since(history.end - FITTED_DAYS * 24 * HOUR)
        self._start = recent.start
        series = _filled(recent)
        self._models = []
        for number, values in enumerate(series, start=1):
            self._models.append(Model(season_length=SEASON, model=FORM).fit(values))
            report(number / len(series))

    def predict(self, history: History) -> Floats:
        series = _filled(history.since(self._start))
        found = [
            _quantiles(model.forward(y=values, h=HORIZON, level=BANDS[1:]))
            for model, values in zip(self._models, series, strict=True)
        ]
        told = np.sort(np.clip(np.stack(found), 0, None), axis=-1)
        return told.reshape(len(history.stations), len(history.pollutants), *told.shape[1:])


def _quantiles(told: dict[str, Floats]) -> Floats:
    """Shape (hours, `BAND_LEVELS`); the mean stands for the median."""
    lower = [told[f"lo-{band}"] for band in reversed(BANDS[1:])]
    upper = [told[f"hi-{band}"] for band in BANDS[1:]]
    return np.stack([*lower, told["mean"], *upper], axis=1)


def _filled(history: History) -> Floats:
    """Series without gaps, station by station; zeros where there never was a value."""
    rows = pd.DataFrame(history.targets().reshape(-1, history.hours).T)
    filled = rows.interpolate(limit_direction="both").fillna(0.0)
    return np.ascontiguousarray(filled.to_numpy().T)
