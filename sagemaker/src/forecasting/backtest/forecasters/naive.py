"""Naive baselines: forecasts by repetition, with the quantiles of past changes."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from evaluation_container.scoring.baselines import LOOK_BACK_DAYS, change_quantiles
from evaluation_container.scoring.metrics import SEASON, Floats

from contracts.models.forecast_input import HORIZON
from forecasting.backtest.forecasters.base import BAND_LEVELS, Report
from forecasting.backtest.history import History


class Persistence:
    """Forecasts the last observed value, plus the quantiles of past changes over each lead."""

    def fit(self, history: History, report: Report) -> None:
        leads = range(1, HORIZON + 1)
        self._changes = _by_series(
            history, lambda y: np.stack([change_quantiles(y, lead, BAND_LEVELS) for lead in leads])
        )
        report(1.0)

    def predict(self, history: History) -> Floats:
        targets = _usual_where_unknown(_newest(history.targets()), history)
        return np.clip(targets[:, :, None, None] + self._changes, 0, None)


class SeasonalNaive:
    """Forecasts the same hour of the last season that has it, plus quantiles of past changes.

    Parameters
    ----------
    season
        Hours after which values repeat, at least `HORIZON`: 24 for a day, 168 for a week.
    """

    def __init__(self, season: int) -> None:
        self.season = season

    def fit(self, history: History, report: Report) -> None:
        self._changes = _by_series(
            history, lambda y: change_quantiles(y, self.season, BAND_LEVELS)[None]
        )
        report(1.0)

    def predict(self, history: History) -> Floats:
        targets = history.targets()
        seasons = max(2, LOOK_BACK_DAYS * SEASON // self.season)
        recent = targets[:, :, -seasons * self.season :]
        missing = np.full((*recent.shape[:2], seasons * self.season - recent.shape[2]), np.nan)
        folded = np.concatenate([missing, recent], axis=2)
        folded = folded.reshape(*recent.shape[:2], seasons, self.season)[..., :HORIZON]
        repeated = _newest(np.moveaxis(folded, 2, -1))
        repeated = _usual_where_unknown(repeated, history)
        return np.clip(repeated[..., None] + self._changes, 0, None)


def _by_series(history: History, quantiles: Callable[[Floats], Floats]) -> Floats:
    return np.array([[quantiles(series) for series in station] for station in history.targets()])


def _newest(values: Floats) -> Floats:
    """Return the last observed value along the last axis; NaN without one."""
    there = np.isfinite(values)
    last = values.shape[-1] - 1 - np.argmax(there[..., ::-1], axis=-1)
    return np.take_along_axis(values, last[..., None], axis=-1)[..., 0]


def _usual_where_unknown(values: Floats, history: History) -> Floats:
    """Fill with the series' mean, else the pollutant's over all stations, else zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of no value is NaN, as intended
        usual = np.nanmean(history.targets(), axis=2)
        usual = np.where(np.isfinite(usual), usual, np.nanmean(usual, axis=0))
    usual = np.nan_to_num(usual)
    usual = usual.reshape(len(usual), len(history.pollutants), *[1] * (values.ndim - 2))
    return np.where(np.isfinite(values), values, usual)
