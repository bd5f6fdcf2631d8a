"""Scores on the test channel, with DeepAR's names.

The last ``prediction_length`` values of each series are forecast from the values before them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from container_runtime.errors import DataError

from forecast_format.forecasts import ForecastModel
from forecast_format.series import Series


def check_scorable(series: Sequence[Series], horizon: int) -> None:
    """Check a test channel before the training, which a score that fails would waste.

    Raises
    ------
    DataError
        No series is long enough, or only zeros are observed in the forecast steps.
    """
    _scorable(series, horizon)


def test_scores(
    model: ForecastModel,
    series: Sequence[Series],
    num_samples: int,
    quantiles: Sequence[float],
) -> dict[str, float]:
    """Return ``RMSE`` of the mean, and weighted quantile losses.

    ``wQuantileLoss[q]`` is ``2 Σ (y - ŷ_q)(q - 1[y < ŷ_q]) / Σ |y|`` over every observed value, as
    https://docs.aws.amazon.com/sagemaker/latest/dg/deepar.html defines it.

    Raises
    ------
    DataError
        As `check_scorable` raises.
    """
    horizon = model.prediction_length
    long_enough, actual = _scorable(series, horizon)
    observed = np.isfinite(actual)
    total = float(np.abs(actual[observed]).sum())
    histories = [one.before(len(one.target) - horizon, horizon) for one in long_enough]
    forecasts = model.forecast(histories, num_samples)
    mean_error = (np.stack([one.mean() for one in forecasts]) - actual)[observed]
    by_level = np.stack([one.quantiles(quantiles) for one in forecasts], axis=1)
    losses = {}
    for level, forecast in zip(quantiles, by_level, strict=True):
        missed = actual - forecast
        loss = missed * (level - (missed < 0))
        losses[level] = 2 * float(loss[observed].sum())
    return {
        "RMSE": float(np.sqrt(np.mean(mean_error**2))),
        "mean_absolute_QuantileLoss": float(np.mean(list(losses.values()))),
        "mean_wQuantileLoss": float(np.mean(list(losses.values()))) / total,
        **{f"wQuantileLoss[{level:g}]": loss / total for level, loss in losses.items()},
    }


def _scorable(
    series: Sequence[Series], horizon: int
) -> tuple[list[Series], npt.NDArray[np.float64]]:
    """Return the series with steps to forecast, and these steps, shape (series, horizon)."""
    long_enough = [one for one in series if len(one.target) > horizon]
    if not long_enough:
        raise DataError(
            f"test channel: no series is longer than prediction_length ({horizon}), so none has "
            "values to forecast"
        )
    actual = np.stack([one.target[-horizon:] for one in long_enough]).astype(np.float64)
    if not np.nansum(np.abs(actual)):
        raise DataError(
            f"test channel: the last {horizon} values of every series are missing or zero"
        )
    return long_enough, actual
