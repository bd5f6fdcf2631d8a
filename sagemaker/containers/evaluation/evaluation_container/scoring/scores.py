"""How good forecasts from many origins were: by pollutant, by lead, by level and by series.

Forecasts are arrays of shape (series, origins, hours, levels), in the order of `Truth`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from evaluation_container.scoring import metrics
from evaluation_container.scoring.metrics import LEVELS, Errors, Floats

BANDS: Mapping[int, tuple[float, float]] = {50: (0.25, 0.75), 80: (0.1, 0.9), 95: (0.025, 0.975)}
"""Quantiles that bound the band holding so many percent of what comes."""

OVERALL = "overall"
"""The plain mean of the pollutants: one with large numbers does not drown the others."""


@dataclass(frozen=True)
class Truth:
    """What was forecast, and what came.

    Parameters
    ----------
    stations, pollutants
        Of every series.
    origins
        First hours of the forecasts, ascending.
    actual
        What came, shape (series, origins, hours); NaN where nothing was observed.
    before
        What was known last, shape (series, origins, past hours), for pictures.
    scales
        `metrics.naive_scale` of each series' history, shape (series,).
    levels
        Quantiles that the forecasts have, ascending; those of `metrics.LEVELS` among them.
    """

    stations: Sequence[str]
    pollutants: Sequence[str]
    origins: Sequence[datetime]
    actual: Floats
    before: Floats
    scales: Floats
    levels: Floats

    def series_of(self, pollutant: str) -> list[int]:
        """Places of the series of a pollutant."""
        return [place for place, name in enumerate(self.pollutants) if name == pollutant]

    def observed_pollutants(self) -> list[str]:
        """Pollutants of which something other than zero came, in the order of the series."""
        return [
            name
            for name in dict.fromkeys(self.pollutants)
            if np.nansum(np.abs(self.actual[self.series_of(name)]))
        ]

    def bands(self) -> dict[int, tuple[int, int]]:
        """Of `BANDS`, those whose bounds were forecast: the places of these among the levels."""
        places = {round(float(level), 6): place for place, level in enumerate(self.levels)}
        return {
            band: (places[low], places[high])
            for band, (low, high) in BANDS.items()
            if low in places and high in places
        }

    def published(self, forecast: Floats) -> Floats:
        """A forecast's quantiles of `metrics.LEVELS` only."""
        return forecast[..., np.searchsorted(self.levels, LEVELS - 1e-9)]


@dataclass(frozen=True)
class Score:
    """How good forecasts were.

    Parameters
    ----------
    coverage
        Share of values within each band, by its percentage.
    """

    errors: Errors
    coverage: Mapping[int, float]


def scores(truth: Truth, forecast: Floats) -> dict[str, Score]:
    """Score by pollutant, and `OVERALL`; pollutants of which nothing came are left out.

    Raises
    ------
    ValueError
        Nothing was observed in any hour that was forecast.
    """
    found = {}
    for pollutant in truth.observed_pollutants():
        mine = truth.series_of(pollutant)
        came = truth.actual[mine].reshape(len(mine), -1)
        told = forecast[mine].reshape(*came.shape, len(truth.levels))
        errors = metrics.errors(came, truth.published(told), truth.scales[mine])
        coverage = {
            band: _share(came, told[..., low], told[..., high])
            for band, (low, high) in truth.bands().items()
        }
        found[pollutant] = Score(errors, coverage)
    if not found:
        raise ValueError("nothing was observed in the hours that were forecast")
    found[OVERALL] = Score(
        metrics.mean_errors([score.errors for score in found.values()]),
        {
            band: float(np.mean([score.coverage[band] for score in found.values()]))
            for band in truth.bands()
        },
    )
    return found


def loss_by_lead(truth: Truth, forecast: Floats) -> Floats:
    """Weighted quantile loss of each hour ahead, the mean of the pollutants; shape (hours,)."""
    found = []
    for pollutant in truth.observed_pollutants():
        mine = truth.series_of(pollutant)
        losses = metrics.quantile_losses(truth.actual[mine], truth.published(forecast[mine]))
        size = np.nansum(np.abs(truth.actual[mine]), axis=(0, 1))
        found.append(np.nansum(losses, axis=(0, 1)) / np.where(size > 0, size, np.nan))
    there = np.isfinite(found)
    count = there.sum(axis=0)
    total = np.where(there, found, 0).sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def share_below(truth: Truth, forecast: Floats) -> Floats:
    """Share of values at or below each quantile, the mean of the pollutants; shape (levels,).

    Where bands are right, it is the quantile's own level.
    """
    found = []
    for pollutant in truth.observed_pollutants():
        mine = truth.series_of(pollutant)
        observed = np.isfinite(truth.actual[mine])
        below = truth.actual[mine][..., None] <= forecast[mine]
        found.append(below[observed].mean(axis=0))
    return np.asarray(np.mean(found, axis=0))


def loss_by_series(truth: Truth, forecast: Floats) -> Floats:
    """Weighted quantile loss of each series, NaN where nothing came; shape (series,)."""
    losses = metrics.quantile_losses(truth.actual, truth.published(forecast))
    size = np.nansum(np.abs(truth.actual), axis=(1, 2))
    return np.asarray(np.nansum(losses, axis=(1, 2)) / np.where(size > 0, size, np.nan))


def _share(actual: Floats, lower: Floats, upper: Floats) -> float:
    within = (actual >= lower) & (actual <= upper)
    return float(within[np.isfinite(actual)].mean())
