"""Calibrates quantiles on held-out hours, so that each covers its nominal share of values.

Split-conformal prediction with errors measured in units of the model's own spread (Romano,
Patterson & Candès 2019, "Conformalized quantile regression"; Lei et al. 2018 for the unit): every
quantile stays on its side of the median, and one factor scales its distance from it. With that
factor, exactly the quantile's nominal share of the held-out values lies below it.
"""

from __future__ import annotations

from collections.abc import Mapping
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

MIN_HELD_OUT = 200
"""Number of held-out values below which quantiles are not calibrated."""


@dataclass(frozen=True)
class Calibration:
    """Factors that scale the quantiles' distances from the median.

    Parameters
    ----------
    base_levels
        Quantiles that the model forecasts, including 0.5.
    factors
        Factors, shape (`LEAD_GROUPS`, `LEVELS`).
    """

    base_levels: Floats
    factors: Floats

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
        factors = np.ones((len(LEAD_GROUPS), len(LEVELS)))
        for group, (first, last) in enumerate(LEAD_GROUPS):
            in_group = (leads >= first) & (leads <= last)
            if in_group.sum() < MIN_HELD_OUT:
                continue
            median, distances = _distances(base_levels, forecast[in_group])
            error = actual[in_group] - median
            for number, level in enumerate(LEVELS):
                if level != 0.5:
                    ratio = error / distances[:, number]
                    share = level if level > 0.5 else 1 - level
                    factors[group, number] = max(0.0, float(np.quantile(ratio, share)))
        return cls(base_levels, factors)

    def apply(self, forecast: Floats, leads: npt.NDArray[np.int64]) -> Floats:
        """Return calibrated quantiles, shape (rows, `LEVELS`), ascending."""
        median, distances = _distances(self.base_levels, forecast)
        last = [last for _, last in LEAD_GROUPS]
        group = np.minimum(np.searchsorted(last, leads), len(last) - 1)
        return np.sort(median[:, None] + distances * self.factors[group], axis=1)

    def to_json(self) -> dict[str, Any]:
        return {"base_levels": self.base_levels.tolist(), "factors": self.factors.tolist()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Calibration:
        return cls(np.array(document["base_levels"]), np.array(document["factors"]))


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
