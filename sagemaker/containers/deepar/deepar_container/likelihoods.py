"""Maps DeepAR's likelihoods to GluonTS's distribution outputs and checks data against them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from container_runtime.errors import SeriesError
from forecast_format.series import Series
from gluonts.torch.distributions import (
    BetaOutput,
    DistributionOutput,
    LaplaceOutput,
    NegativeBinomialOutput,
    NormalOutput,
    StudentTOutput,
)
from torch.distributions import Laplace


class PointLaplace(Laplace):
    """A Laplace distribution whose samples are all its median.

    Its median minimises the absolute error, as ``deterministic-L1`` requires: a point forecast,
    so all quantiles are equal.
    """

    def rsample(self, sample_shape: Sequence[int] = ()) -> torch.Tensor:
        return self.loc.expand(self._extended_shape(torch.Size(sample_shape)))


class PointLaplaceOutput(LaplaceOutput):  # type: ignore[misc]
    """GluonTS's Laplace output with `PointLaplace` as its distribution."""

    distr_cls = PointLaplace


def distribution_output(likelihood: str) -> DistributionOutput:
    """Return GluonTS's output for one of `hyperparameters.LIKELIHOODS`."""
    outputs = {
        "student-T": StudentTOutput,
        "gaussian": NormalOutput,
        "negative-binomial": NegativeBinomialOutput,
        "beta": BetaOutput,
        "deterministic-L1": PointLaplaceOutput,
    }
    return outputs[likelihood]()


def is_point_forecast(likelihood: str) -> bool:
    """Return whether all sample paths are equal."""
    return likelihood == "deterministic-L1"


def is_scaled(likelihood: str) -> bool:
    """Return whether targets are divided by their mean; values between 0 and 1 are not."""
    return likelihood != "beta"


def check_target(likelihood: str, series: Series) -> None:
    """Raise an error for values outside the likelihood's support.

    Raises
    ------
    SeriesError
        A negative or fractional count, or a share that is not strictly between 0 and 1.
    """
    values = series.target[np.isfinite(series.target)]
    if likelihood == "negative-binomial" and ((values < 0) | (values % 1 != 0)).any():
        raise SeriesError(
            "target: likelihood negative-binomial needs counts (0, 1, 2 …); use student-T or "
            "gaussian for other numbers"
        )
    if likelihood == "beta" and ((values <= 0) | (values >= 1)).any():
        raise SeriesError("target: likelihood beta needs values between 0 and 1, neither included")
