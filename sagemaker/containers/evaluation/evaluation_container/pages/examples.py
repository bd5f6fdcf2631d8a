"""Which forecasts are shown, out of thousands: neither the prettiest nor chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation_container.scoring.metrics import Floats, quantile_losses
from evaluation_container.scoring.scores import Truth

KINDS = {"an ordinary day": 0.5, "a hard day": 0.95}
"""The share of forecasts that have a smaller error than the one shown."""

LEAST_OBSERVED = 0.8
"""Share of the hours shown that must have been measured."""


@dataclass(frozen=True)
class Example:
    """A forecast to show, by its places among the series and origins, and what it stands for."""

    series: int
    origin: int
    kind: str


def examples(truth: Truth, forecast: Floats) -> list[Example]:
    """Of each pollutant, one forecast of each of `KINDS` by its error relative to the station's.

    Fewer of a pollutant that was measured too rarely to show.
    """
    with np.errstate(invalid="ignore"):
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
