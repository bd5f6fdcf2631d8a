"""Selects the forecasts that the report shows, by the rank of their errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation_container.scoring.metrics import Floats, quantile_losses
from evaluation_container.scoring.scores import Truth

KINDS = {"an ordinary day": 0.5, "a hard day": 0.95}
"""Share of the forecasts with a smaller error than the one shown."""

LEAST_OBSERVED = 0.8
"""Share of the shown hours that must have a measurement."""


@dataclass(frozen=True)
class Example:
    """A forecast to show: its series and origin by index, and its kind."""

    series: int
    origin: int
    kind: str


def examples(truth: Truth, forecast: Floats) -> list[Example]:
    """Select one forecast of each of `KINDS` per pollutant.

    Forecasts are ranked by their error relative to the station's mean. Pollutants with too few
    measurements have fewer or no examples.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        loss = np.nansum(quantile_losses(truth.actual, truth.published(forecast)), axis=2)
        loss /= np.nanmean(np.abs(truth.actual), axis=(1, 2))[:, None]
    seen = np.concatenate([truth.before, truth.actual], axis=2)
    usable = (np.isfinite(seen).mean(axis=2) >= LEAST_OBSERVED) & np.isfinite(loss)
    found = []
    for pollutant in truth.observed_pollutants():
        mine = np.isin(np.arange(len(loss)), truth.series_of(pollutant))
        places = np.argwhere(usable & mine[:, None])
        if not len(places):
            continue
        ranked = places[np.argsort(loss[tuple(places.T)], kind="stable")]
        for kind, share in KINDS.items():
            series, origin = ranked[int(share * (len(ranked) - 1))]
            found.append(Example(int(series), int(origin), kind))
    return found
