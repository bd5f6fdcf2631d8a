"""Exponential smoothing with automatic model selection per series: statsforecast's AutoETS."""

from __future__ import annotations

import numpy as np
import pandas as pd
from evaluation_container.scoring.metrics import SEASON, Floats
from statsforecast.models import AutoETS as Model

from contracts.models.forecast_input import HORIZON
from forecasting.backtest.forecasters.base import BAND_LEVELS, Report
from forecasting.backtest.history import HOUR, History

FITTED_DAYS = 56
"""Last days of the training data for model selection: with all of it, a fit takes minutes per
series, and the daily cycle changes with the season anyway."""

FORM = "AZZ"
"""Additive errors; trend and season selected by AICc. With multiplicative errors, which AICc
prefers for some series, simulated paths that start near zero explode, and the loss is in the
thousands."""

BANDS = [int(level) for level in np.unique(np.round(200 * np.abs(BAND_LEVELS - 0.5)))]
"""Percentages of the bands that `BAND_LEVELS` delimit; 0 is the median."""


class AutoETS:
    """One model per series, selected in training; its states are updated to every origin.

    Gaps are interpolated linearly, because the method does not allow missing values.
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
        values = np.sort(np.clip(np.stack(found), 0, None), axis=-1)
        return values.reshape(len(history.stations), len(history.pollutants), *values.shape[1:])


def _quantiles(forecast: dict[str, Floats]) -> Floats:
    """Return quantiles, shape (hours, `BAND_LEVELS`); the mean is used as the median."""
    lower = [forecast[f"lo-{band}"] for band in reversed(BANDS[1:])]
    upper = [forecast[f"hi-{band}"] for band in BANDS[1:]]
    return np.stack([*lower, forecast["mean"], *upper], axis=1)


def _filled(history: History) -> Floats:
    """Return series without gaps, station by station; zeros for a series without any value."""
    rows = pd.DataFrame(history.targets().reshape(-1, history.hours).T)
    filled = rows.interpolate(limit_direction="both").fillna(0.0)
    return np.ascontiguousarray(filled.to_numpy().T)
