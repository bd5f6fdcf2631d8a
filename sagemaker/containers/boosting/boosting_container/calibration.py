"""Calibrates quantiles on held-out hours, so that each covers its nominal share of values.

Split-conformal prediction with errors measured in units of the model's own spread (Romano,
Patterson & Candès 2019, "Conformalized quantile regression"; Lei et al. 2018 for the unit): every
quantile stays on its side of the median, and a factor scales its distance from it. With that
factor, exactly the quantile's nominal share of the held-out values lies below it.

The factors are learned by hours ahead and by the size of the forecast (a Mondrian taxonomy, Vovk
et al. 2005): one factor for all sizes gives low values too wide a band and high ones too narrow
a one, and a season of low values a wrong share. Between the sizes they are interpolated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.models.forecast_input import JUDGED_QUANTILES

Floats = npt.NDArray[np.float64]

LEVELS: Floats = np.array([float(level) for level in JUDGED_QUANTILES])
"""Calibrated quantiles; those between are interpolated."""

LEAD_GROUPS = ((1, 2), (3, 6), (7, 12), (13, 24))
"""First and last lead of each group of leads with common factors."""

LEAST_SPREAD = 1e-3
"""Smallest distance of a quantile from the median, as a share of the median. A smaller distance
carries no information about the spread."""

SIZES = 5
"""Number of sizes of the median with factors of their own, each of as many held-out values."""

MIN_HELD_OUT = 200
"""Number of held-out values that factors need. With fewer, quantiles are not calibrated; a short
history has fewer sizes."""


@dataclass(frozen=True)
class Factors:
    """Factors of a group of leads, by the size of the median.

    Parameters
    ----------
    medians
        Mean median of each size, ascending, shape (sizes,); at least one.
    values
        Factors, shape (sizes, `LEVELS`).
    """

    medians: Floats
    values: Floats

    @classmethod
    def learn(cls, median: Floats, ratio: Floats) -> Factors:
        """Learn from held-out values.

        Parameters
        ----------
        ratio
            Errors of the median in units of each level's distance, shape (rows, `LEVELS`).
        """
        sizes = min(SIZES, len(median) // MIN_HELD_OUT)
        if not sizes:
            return cls(np.zeros(1), np.ones((1, len(LEVELS))))
        parts = np.array_split(np.argsort(median, kind="stable"), sizes)
        shares = np.maximum(LEVELS, 1 - LEVELS)
        values = np.ones((sizes, len(LEVELS)))
        for size, part in enumerate(parts):
            for level in np.flatnonzero(LEVELS != 0.5):
                values[size, level] = np.quantile(ratio[part, level], shares[level])
        return cls(np.array([median[part].mean() for part in parts]), np.maximum(values, 0))

    def at(self, median: Floats) -> Floats:
        """Return interpolated factors, shape (rows, `LEVELS`); beyond the sizes, the outermost."""
        sizes = np.arange(len(self.medians))
        place = np.interp(median, self.medians, sizes)
        left = np.floor(place).astype(int)
        share = (place - left)[:, None]
        right = np.minimum(left + 1, sizes[-1])
        return np.asarray(self.values[left] * (1 - share) + self.values[right] * share)


@dataclass(frozen=True)
class Calibration:
    """Factors that scale the quantiles' distances from the median.

    Parameters
    ----------
    base_levels
        Quantiles that the model forecasts, including 0.5.
    factors
        Factors of each of `LEAD_GROUPS`.
    """

    base_levels: Floats
    factors: Sequence[Factors]

    @classmethod
    def learn(
        cls,
        base_levels: Floats,
        forecast: Floats,
        actual: Floats,
        leads: npt.NDArray[np.int64],
    ) -> Calibration:
        """Learn from forecasts of values that the model was not trained on.

        Parameters
        ----------
        forecast
            Forecast quantiles, shape (rows, base levels), ascending.
        actual
            Observed values, none missing, shape (rows,).
        leads
            Lead of every row.
        """
        median, distances = _distances(base_levels, forecast)
        error = (actual - median)[:, None]
        ratio = np.divide(error, distances, out=np.zeros_like(distances), where=distances != 0)
        groups = [(leads >= first) & (leads <= last) for first, last in LEAD_GROUPS]
        return cls(base_levels, [Factors.learn(median[mine], ratio[mine]) for mine in groups])

    def apply(self, forecast: Floats, leads: npt.NDArray[np.int64]) -> Floats:
        """Return calibrated quantiles, shape (rows, `LEVELS`), ascending."""
        median, distances = _distances(self.base_levels, forecast)
        ends = [last for _, last in LEAD_GROUPS]
        group = np.minimum(np.searchsorted(ends, leads), len(ends) - 1)
        for number, factors in enumerate(self.factors):
            mine = group == number
            distances[mine] *= factors.at(median[mine])
        return np.sort(median[:, None] + distances, axis=1)

    def to_json(self) -> dict[str, Any]:
        return {
            "base_levels": self.base_levels.tolist(),
            "factors": [
                {"medians": one.medians.tolist(), "values": one.values.tolist()}
                for one in self.factors
            ],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Calibration:
        factors = [
            Factors(np.array(one["medians"]), np.array(one["values"]))
            for one in document["factors"]
        ]
        return cls(np.array(document["base_levels"]), factors)


def _distances(base_levels: Floats, forecast: Floats) -> tuple[Floats, Floats]:
    """Return the median and each level's distance from it, signed and never zero.

    Levels between the model's are interpolated; levels beyond them use the outermost one.
    """
    median = forecast[:, int(np.flatnonzero(base_levels == 0.5)[0])]
    right = np.clip(np.searchsorted(base_levels, LEVELS), 1, len(base_levels) - 1)
    span = base_levels[right] - base_levels[right - 1]
    weight = np.clip((LEVELS - base_levels[right - 1]) / span, 0, 1)
    quantiles = forecast[:, right - 1] * (1 - weight) + forecast[:, right] * weight
    least = LEAST_SPREAD * np.maximum(np.abs(median), 1e-9)[:, None]
    side = np.where(LEVELS < 0.5, -1.0, 1.0)
    spread = np.maximum(np.abs(quantiles - median[:, None]), least)
    return median, side * spread * (LEVELS != 0.5)
