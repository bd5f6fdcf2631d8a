"""Baseline forecasts that a model must beat, with quantiles from the series' own history.

Each takes the hourly values known before the origin, NaN for missing, and returns quantiles (by
default `metrics.LEVELS`) for the next hours, shape (hours, quantiles), never below zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from evaluation_container.scoring.metrics import LEVELS, SEASON, Floats

LOOK_BACK_DAYS = 14
"""Days that the seasonal naive forecast searches for an hour that is missing yesterday."""


def persistence(history: Floats, hours: int, levels: Floats = LEVELS) -> Floats:
    """Forecast the last observed value, plus for lead ``h`` the quantiles of ``h``-hour changes.

    Raises
    ------
    ValueError
        No value was observed.
    """
    observed = _observed(history)
    changes = np.array([change_quantiles(history, lead, levels) for lead in range(1, hours + 1)])
    return _not_negative(observed[-1] + changes)


def daily_seasonal_naive(history: Floats, hours: int, levels: Floats = LEVELS) -> Floats:
    """Forecast the hour's value on the last day that has it, plus quantiles of daily changes.

    Raises
    ------
    ValueError
        No value was observed.
    """
    mean = _observed(history).mean()
    recent = history[-LOOK_BACK_DAYS * SEASON :]
    days = np.concatenate([np.full(-len(recent) % SEASON, np.nan), recent]).reshape(-1, SEASON)
    last = np.full(SEASON, np.nan)
    for day in days:  # oldest first
        last = np.where(np.isfinite(day), day, last)
    last = np.where(np.isfinite(last), last, mean)
    repeated = np.resize(last, hours)
    return _not_negative(repeated[:, None] + change_quantiles(history, SEASON, levels))


BASELINES: Mapping[str, Callable[..., Floats]] = {
    "persistence": persistence,
    "daily seasonal naive": daily_seasonal_naive,
}


def _observed(history: Floats) -> Floats:
    observed = history[np.isfinite(history)]
    if not len(observed):
        raise ValueError("nothing was observed before the origin")
    return observed


def _not_negative(forecast: Floats) -> Floats:
    """Clip at zero, because a concentration cannot be negative."""
    return np.where(forecast > 0, forecast, 0.0)


def change_quantiles(history: Floats, hours: int, levels: Floats = LEVELS) -> Floats:
    """Return quantiles of the changes over a number of hours; zeros without any such change."""
    changes = history[hours:] - history[: len(history) - hours]
    changes = changes[np.isfinite(changes)]
    if not len(changes):
        return np.zeros(len(levels))
    return np.asarray(np.quantile(changes, levels), dtype=np.float64)
