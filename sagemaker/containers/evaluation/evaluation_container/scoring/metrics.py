"""Errors of probabilistic forecasts, as GluonTS's ``Evaluator`` defines them.

Forecasts have the shape (series, hours, quantiles) with the quantiles of `LEVELS`; actual values
have the shape (series, hours), with NaN for missing values, which are ignored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from contracts.models.forecast_input import QUANTILES

Floats = npt.NDArray[np.float64]

LEVELS = np.array([float(quantile) for quantile in QUANTILES])
MEDIAN = int(np.flatnonzero(LEVELS == 0.5)[0])
SEASON = 24
"""Hours of a day, the season of the naive forecast in MASE."""


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
        forecast in the series' history; NaN if no history changes from one day to the next.
    coverage_80
        Share of values between the 0.1 and the 0.9 quantile; ideally 0.8.
    """

    weighted_quantile_loss: float
    normalized_deviation: float
    mean_absolute_scaled_error: float
    coverage_80: float

    def to_json(self) -> dict[str, float | None]:
        """Return the errors by name; None is undefined, because JSON has no NaN."""
        return {name: known(value) for name, value in asdict(self).items()}


def known(value: float) -> float | None:
    """Return a number that JSON has; None for NaN and infinity."""
    return float(value) if math.isfinite(value) else None


def errors(actual: Floats, forecast: Floats, scales: Floats) -> Errors:
    """Compute the errors of forecasts of the same hours, in which a value is not zero.

    Parameters
    ----------
    scales
        `naive_scale` of each series, shape (series,).

    Raises
    ------
    ValueError
        No value was observed, or all are zero.
    """
    observed = np.isfinite(actual)
    total = float(np.abs(actual[observed]).sum())
    if not total:
        raise ValueError("no value other than zero was observed in the hours of the forecast")
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
    """Return twice each value's quantile loss, averaged over quantiles, in the values' shape."""
    error = actual[..., None] - forecast
    return np.asarray((2 * error * (LEVELS - (error < 0))).mean(axis=-1))


def mean_errors(groups: Sequence[Errors]) -> Errors:
    """Return the plain mean over groups, so that no pollutant with large values dominates.

    A group without an error, such as the scaled error of values that never change, is left out of
    the mean of that error.
    """
    return Errors(
        *(_mean([getattr(group, name) for group in groups]) for name in Errors.__dataclass_fields__)
    )


def naive_scale(history: Floats) -> float:
    """Return the mean absolute change from one day to the next; NaN without such a pair."""
    if len(history) <= SEASON:
        return float("nan")
    changes = np.abs(history[SEASON:] - history[:-SEASON])
    return float(changes[np.isfinite(changes)].mean()) if np.isfinite(changes).any() else np.nan


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if math.isfinite(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _scaled(absolute: Floats, scales: Floats) -> float:
    """Return the mean over series with an observed hour and a scale above 0."""
    usable = np.isfinite(absolute).any(axis=1) & (scales > 0)
    if not usable.any():
        return float("nan")
    return float(np.mean(np.nanmean(absolute[usable], axis=1) / scales[usable]))
