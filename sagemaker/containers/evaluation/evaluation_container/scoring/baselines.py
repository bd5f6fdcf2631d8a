"""Forecasts that a model has to beat, with quantiles out of the series' own past.

Each takes the hourly values known before the origin, NaN for missing, and gives quantiles, by
default those of `metrics.LEVELS`, for the next hours, shape (hours, quantiles), never below zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from evaluation_container.scoring.metrics import LEVELS, SEASON, Floats

LOOK_BACK_DAYS = 14
"""Days in which the seasonal naive forecast looks for an hour that yesterday lacks."""


def persistence(history: Floats, hours: int, levels: Floats = LEVELS) -> Floats:
    """The last observed value; for lead ``h`` plus the quantiles of past changes over ``h`` hours.

    Raises
    ------
    ValueError
        Nothing was ever observed.
    """
    observed = _observed(history)
    changes = np.array([change_quantiles(history, lead, levels) for lead in range(1, hours + 1)])
    return _not_negative(observed[-1] + changes)


def daily_seasonal_naive(history: Floats, hours: int, levels: Floats = LEVELS) -> Floats:
    """The same hour of the last day that has it, plus the quantiles of past day-to-day changes.

    Raises
    ------
    ValueError
        Nothing was ever observed.
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
    """A concentration below zero cannot come."""
    return np.where(forecast > 0, forecast, 0.0)


def change_quantiles(history: Floats, hours: int, levels: Floats = LEVELS) -> Floats:
    """Quantiles of the changes over so many hours; zeros where no two hours lie so far apart."""
    changes = history[hours:] - history[: len(history) - hours]
    changes = changes[np.isfinite(changes)]
    if not len(changes):
        return np.zeros(len(levels))
    return np.asarray(np.quantile(changes, levels), dtype=np.float64)
