"""Scores of forecasts from many origins: by pollutant, by lead, by level and by series.

Forecasts have the shape (series, origins, hours, levels), in the order of `Truth`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from contracts.models.forecast_input import BANDS
from evaluation_container.scoring import metrics
from evaluation_container.scoring.metrics import LEVELS, Errors, Floats

SHOWN_LEADS = (1, 2, 3, 4, 6, 9, 12, 18, 24)
"""Leads in tables: the first hours, in which the last value is hard to beat, and some others."""

OVERALL = "overall"
"""Name of the plain mean over pollutants, in which no pollutant with large values dominates."""


@dataclass(frozen=True)
class Truth:
    """Series, origins and observed values that forecasts are compared with.

    Parameters
    ----------
    stations, pollutants
        Station and pollutant of every series.
    origins
        First hours of the forecasts, ascending.
    actual
        Observed values, shape (series, origins, hours); NaN is missing.
    before
        Latest values before each origin, shape (series, origins, past hours), for charts.
    scales
        `metrics.naive_scale` of each series' history, shape (series,).
    levels
        Quantile levels of the forecasts, ascending, including those of `metrics.LEVELS`.
    """

    stations: Sequence[str]
    pollutants: Sequence[str]
    origins: Sequence[datetime]
    actual: Floats
    before: Floats
    scales: Floats
    levels: Floats

    def series_of(self, pollutant: str) -> list[int]:
        """Return the indices of a pollutant's series."""
        return [place for place, name in enumerate(self.pollutants) if name == pollutant]

    def observed_pollutants(self) -> list[str]:
        """Return the pollutants with an observed value other than zero, in series order."""
        return [
            name
            for name in dict.fromkeys(self.pollutants)
            if np.nansum(np.abs(self.actual[self.series_of(name)]))
        ]

    def hours(self) -> dict[int, list[int]]:
        """Return the indices of the origins by their hour of the day."""
        found: dict[int, list[int]] = {}
        for place, origin in enumerate(self.origins):
            found.setdefault(origin.hour, []).append(place)
        return dict(sorted(found.items()))

    def from_origins(self, places: Sequence[int]) -> Truth:
        """Return the truth of some of the origins, by their indices."""
        return replace(
            self,
            origins=[self.origins[place] for place in places],
            actual=self.actual[:, places],
            before=self.before[:, places],
        )

    def at_leads(self, first: int, last: int) -> Truth:
        """Return the truth of the leads from the first to the last, from 1."""
        return replace(self, actual=self.actual[:, :, first - 1 : last])

    def of_series(self, places: Sequence[int]) -> Truth:
        """Return the truth of some of the series, by their indices."""
        return replace(
            self,
            stations=[self.stations[place] for place in places],
            pollutants=[self.pollutants[place] for place in places],
            actual=self.actual[places],
            before=self.before[places],
            scales=self.scales[places],
        )

    def bands(self) -> dict[int, tuple[int, int]]:
        """Return the indices of the bounds of each of `BANDS` whose bounds were forecast."""
        places = {round(float(level), 6): place for place, level in enumerate(self.levels)}
        return {
            band: (places[low], places[high])
            for band, (low, high) in BANDS.items()
            if low in places and high in places
        }

    def published(self, forecast: Floats) -> Floats:
        """Return only the forecast quantiles of `metrics.LEVELS`."""
        return forecast[..., np.searchsorted(self.levels, LEVELS - 1e-9)]


@dataclass(frozen=True)
class Score:
    """Errors and coverage of forecasts.

    Parameters
    ----------
    coverage
        Share of values within each band, by its percentage.
    """

    errors: Errors
    coverage: Mapping[int, float]


def scores(truth: Truth, forecast: Floats) -> dict[str, Score]:
    """Score by pollutant and `OVERALL`; pollutants without a value other than zero are left out.

    Raises
    ------
    ValueError
        No value other than zero was observed in the forecast hours.
    """
    found = {}
    for pollutant in truth.observed_pollutants():
        mine = truth.series_of(pollutant)
        actual = truth.actual[mine].reshape(len(mine), -1)
        flat = forecast[mine].reshape(*actual.shape, len(truth.levels))
        errors = metrics.errors(actual, truth.published(flat), truth.scales[mine])
        coverage = {
            band: _share(actual, flat[..., low], flat[..., high])
            for band, (low, high) in truth.bands().items()
        }
        found[pollutant] = Score(errors, coverage)
    if not found:
        raise ValueError("no value other than zero was observed in the forecast hours")
    found[OVERALL] = Score(
        metrics.mean_errors([score.errors for score in found.values()]),
        {
            band: float(np.mean([score.coverage[band] for score in found.values()]))
            for band in truth.bands()
        },
    )
    return found


def scores_by_hour(truth: Truth, forecast: Floats) -> dict[int, Score]:
    """Score all pollutants together by the origins' hour of the day.

    Hours without any observed value are left out.
    """
    return {
        hour: scores(truth.from_origins(places), forecast[:, places])[OVERALL]
        for hour, places in truth.hours().items()
        if np.nansum(np.abs(truth.actual[:, places]))
    }


def losses_by_lead(truth: Truth, forecast: Floats) -> dict[str, Floats]:
    """Return the weighted quantile loss by lead, for each pollutant and `OVERALL`; shape (hours,).

    A lead without observed values is NaN.
    """
    found = {}
    for pollutant in truth.observed_pollutants():
        mine = truth.series_of(pollutant)
        losses = metrics.quantile_losses(truth.actual[mine], truth.published(forecast[mine]))
        size = np.nansum(np.abs(truth.actual[mine]), axis=(0, 1))
        found[pollutant] = np.nansum(losses, axis=(0, 1)) / np.where(size > 0, size, np.nan)
    every = np.array(list(found.values()))
    there = np.isfinite(every)
    total, count = np.where(there, every, 0).sum(axis=0), there.sum(axis=0)
    found[OVERALL] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return found


def loss_by_lead(truth: Truth, forecast: Floats) -> Floats:
    """Return the weighted quantile loss by lead, averaged over pollutants; shape (hours,)."""
    return losses_by_lead(truth, forecast)[OVERALL]


def share_below(truth: Truth, forecast: Floats) -> Floats:
    """Return the share of values at or below each quantile, averaged over pollutants.

    The shape is (levels,). For calibrated forecasts, the share equals the quantile's level.
    """
    found = []
    for pollutant in truth.observed_pollutants():
        mine = truth.series_of(pollutant)
        observed = np.isfinite(truth.actual[mine])
        below = truth.actual[mine][..., None] <= forecast[mine]
        found.append(below[observed].mean(axis=0))
    return np.asarray(np.mean(found, axis=0))


def loss_by_series(truth: Truth, forecast: Floats) -> Floats:
    """Return the weighted quantile loss by series, NaN without values; shape (series,)."""
    losses = metrics.quantile_losses(truth.actual, truth.published(forecast))
    size = np.nansum(np.abs(truth.actual), axis=(1, 2))
    return np.asarray(np.nansum(losses, axis=(1, 2)) / np.where(size > 0, size, np.nan))


def _share(actual: Floats, lower: Floats, upper: Floats) -> float:
    within = (actual >= lower) & (actual <= upper)
    return float(within[np.isfinite(actual)].mean())
