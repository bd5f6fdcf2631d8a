"""What a model answers with, whatever it is made of: the mean, quantiles and sample paths."""

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
        """Shape (time,)."""
        ...

    def quantiles(self, levels: Sequence[float]) -> Floats:
        """Shape (levels, time); at every time, a higher level has no lower value."""
        ...

    def samples(self) -> Floats:
        """Sample paths, shape (samples, time)."""
        ...


class ForecastModel(Protocol):
    """A trained model, as it is served and scored."""

    @property
    def prediction_length(self) -> int:
        """Steps that it forecasts."""
        ...

    @property
    def frequency(self) -> str:
        """Step of its series, as pandas spells it."""
        ...

    def check(self, series: Series) -> None:
        """Refuse a series that cannot be forecast, with `SeriesError`."""
        ...

    def forecast(self, series: Sequence[Series], num_samples: int) -> Sequence[Forecast]:
        """A forecast for each series, in order; the same request has the same answer."""
        ...


@dataclass(frozen=True)
class SampledForecast:
    """A forecast known by its sample paths.

    Parameters
    ----------
    paths
        Shape (samples, time).
    """

    paths: Floats

    def mean(self) -> Floats:
        return np.asarray(self.paths.mean(axis=0))

    def quantiles(self, levels: Sequence[float]) -> Floats:
        return np.quantile(self.paths, levels, axis=0)

    def samples(self) -> Floats:
        return self.paths
