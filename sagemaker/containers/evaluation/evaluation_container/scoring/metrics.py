"""Errors of probabilistic forecasts, as GluonTS's ``Evaluator`` defines them.

Forecasts are arrays of shape (series, hours, quantiles) with the quantiles of `LEVELS`; actual
values are of shape (series, hours), NaN where nothing was observed, which counts nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contracts.models.forecast_input import QUANTILES

Floats = npt.NDArray[np.float64]

LEVELS = np.array([float(quantile) for quantile in QUANTILES])
MEDIAN = int(np.flatnonzero(LEVELS == 0.5)[0])
SEASON = 24
"""Hours of a day, the season of `MASE`'s naive forecast."""


@dataclass(frozen=True)
class Errors:
    """Errors over a group of series.

    Parameters
    ----------
    weighted_quantile_loss
        Mean over the quantiles of ``2 Σ (y - ŷ)(q - 1[y < ŷ]) / Σ |y|``.
    normalized_deviation
        ``Σ |y - median| / Σ |y|``.
    mean_absolute_scaled_error
        Mean over series of the median's absolute error over that of the daily seasonal naive
        forecast in the series' history.
    coverage_80
        Share of values from the 0.1 to the 0.9 quantile; ideally 0.8.
    """

    weighted_quantile_loss: float
    normalized_deviation: float
    mean_absolute_scaled_error: float
    coverage_80: float


def errors(actual: Floats, forecast: Floats, scales: Floats) -> Errors:
    """Errors of forecasts of the same hours.

    Parameters
    ----------
    scales
        `naive_scale` of each series, shape (series,).

    Raises
    ------
    ValueError
        Nothing was observed, so there is nothing to compare with.
    """
    observed = np.isfinite(actual)
    total = float(np.abs(actual[observed]).sum())
    if not total:
        raise ValueError("no value was observed in the hours of the forecast")
    losses = quantile_losses(actual, forecast)
    absolute = np.abs(actual - forecast[..., MEDIAN])
    within = (actual >= forecast[..., 0]) & (actual <= forecast[..., -1])
    return Errors(
        weighted_quantile_loss=float(losses[observed].sum()) / total,
        normalized_deviation=float(absolute[observed].sum()) / total,
        mean_absolute_scaled_error=_scaled(absolute, scales),
        coverage_80=float(within[observed].mean()),
    )


def quantile_losses(actual: Floats, forecast: Floats) -> Floats:
    """Mean over the quantiles of each value's loss, twice; in the shape of the actual values."""
    missed = actual[..., None] - forecast
    return np.asarray((2 * missed * (LEVELS - (missed < 0))).mean(axis=-1))


def mean_errors(groups: Sequence[Errors]) -> Errors:
    """Plain mean over groups, so that a pollutant with large numbers does not drown the others."""
    return Errors(
        *(
            float(np.mean([getattr(group, name) for group in groups]))
            for name in Errors.__dataclass_fields__
        )
    )


def naive_scale(history: Floats) -> float:
    """Mean absolute change from one day to the next; NaN without two such hours."""
    if len(history) <= SEASON:
        return float("nan")
    changes = np.abs(history[SEASON:] - history[:-SEASON])
    return float(changes[np.isfinite(changes)].mean()) if np.isfinite(changes).any() else np.nan


def _scaled(absolute: Floats, scales: Floats) -> float:
    """Mean over the series that have both an observed hour and a scale above 0."""
    usable = np.isfinite(absolute).any(axis=1) & (scales > 0)
    if not usable.any():
        return float("nan")
    return float(np.mean(np.nanmean(absolute[usable], axis=1) / scales[usable]))
