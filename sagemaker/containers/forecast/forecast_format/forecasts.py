"""Interfaces of models and forecasts: a forecast has a mean, quantiles and sample paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from forecast_format.series import Series

Floats = npt.NDArray[np.floating]


class Forecast(Protocol):
    """A forecast of one series, in the target's units."""

    def mean(self) -> Floats:
        """Return the mean, shape (time,)."""
        ...

    def quantiles(self, levels: Sequence[float]) -> Floats:
        """Return quantiles, shape (levels, time), that do not decrease from level to level."""
        ...

    def samples(self) -> Floats:
        """Return sample paths, shape (samples, time)."""
        ...


class ForecastModel(Protocol):
    """A trained model that can be served and scored."""

    @property
    def prediction_length(self) -> int:
        """Number of steps that the model forecasts."""
        ...

    @property
    def frequency(self) -> str:
        """Step of the model's series, in pandas' notation."""
        ...

    @property
    def quantile_range(self) -> tuple[float, float]:
        """Lowest and highest quantile that the model forecasts."""
        ...

    def check(self, series: Series) -> None:
        """Raise `SeriesError` for a series that the model cannot forecast."""
        ...

    def forecast(self, series: Sequence[Series], num_samples: int) -> Sequence[Forecast]:
        """Forecast each series, in order; the same request gives the same response."""
        ...


@dataclass(frozen=True)
class SampledForecast:
    """A forecast made of sample paths.

    Parameters
    ----------
    paths
        Sample paths, shape (samples, time).
    """

    paths: Floats

    def mean(self) -> Floats:
        return np.asarray(self.paths.mean(axis=0))

    def quantiles(self, levels: Sequence[float]) -> Floats:
        return np.quantile(self.paths, levels, axis=0)

    def samples(self) -> Floats:
        return self.paths
