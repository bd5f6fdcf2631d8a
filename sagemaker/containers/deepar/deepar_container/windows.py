"""Cuts series into the network's windows: lags and context before an origin, features after it.

GluonTS prepares every window separately in Python, which takes longer than the network's step.
Here each series is prepared once, and a batch is sliced from tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from container_runtime.errors import DataError
from forecast_format.series import Series
from gluonts.time_feature import time_features_from_frequency_str
from gluonts.torch.model.deepar import DeepARModel
from gluonts.transform import LastValueImputation

from deepar_container.network import FeatureShape

Floats = npt.NDArray[np.float32]
Batch = dict[str, torch.Tensor]
"""Tensors by the parameter names of `DeepARModel.forward` and ``loss``."""

TO_COME = ("future_target", "future_observed_values")
"""Names of the tensors that only training windows have."""


class TrainingWindows:
    """All windows of some series that contain both the context and the forecast steps.

    Windows without an observed value in their context are excluded: GluonTS would scale them by
    the mean of the other windows in the batch, a relation between series that does not exist.

    Raises
    ------
    DataError
        There is no such window.
    """

    def __init__(
        self, network: DeepARModel, features: FeatureShape, series: Sequence[Series]
    ) -> None:
        self._ahead = network.prediction_length
        self._prepared = _prepare(network, features, series, steps_ahead=0)
        starts = self._prepared.origins - [len(one.target) for one in series]
        moments = [
            np.arange(start, end - self._ahead + 1)
            for start, end in zip(starts, self._prepared.origins, strict=True)
        ]
        number = np.repeat(np.arange(len(series)), [len(found) for found in moments])
        moment = np.concatenate(moments)
        seen = np.concatenate([[0], np.cumsum(self._prepared.observed.numpy(), dtype=np.int64)])
        is_observed = seen[moment] > seen[moment - network.context_length]
        if not is_observed.any():
            raise DataError(
                f"train channel: no value is followed by {self._ahead} steps (prediction_length); "
                "longer series are needed"
            )
        self._number = torch.from_numpy(number[is_observed])
        self._moment = torch.from_numpy(moment[is_observed])

    def draw(self, count: int) -> Batch:
        """Draw windows at random, with PyTorch's generator."""
        drawn = torch.randint(len(self._moment), (count,))
        moment = self._moment[drawn]
        ahead = moment[:, None] + torch.arange(self._ahead)
        return {
            **self._prepared.at(self._number[drawn], moment),
            "future_target": self._prepared.target[ahead],
            "future_observed_values": self._prepared.observed[ahead],
        }


def forecast_windows(
    network: DeepARModel, features: FeatureShape, series: Sequence[Series]
) -> Batch:
    """Return the window of each series whose forecast starts where the series ends."""
    prepared = _prepare(network, features, series, steps_ahead=network.prediction_length)
    return prepared.at(torch.arange(len(series)), torch.from_numpy(prepared.origins))


@dataclass(frozen=True)
class _Prepared:
    """Concatenated series, each padded in front by the longest lag.

    Parameters
    ----------
    target, observed
        Values without gaps, and 1 where they were observed, shape (time,).
    known
        Features known in advance (calendar and dynamic features), shape (time, features).
    cats
        Categories, shape (series, categories).
    origins
        End of each series, shape (series,).
    """

    network: DeepARModel
    target: torch.Tensor
    observed: torch.Tensor
    known: torch.Tensor
    cats: torch.Tensor
    origins: npt.NDArray[np.int64]

    def at(self, number: torch.Tensor, moment: torch.Tensor) -> Batch:
        """Return windows of numbered series; known features cover the steps that are unrolled.

        The last known feature is how far ahead a step is, 0 to 1; 0 in the context.
        """
        past = moment[:, None] + torch.arange(-self.network._past_length, 0)
        ahead = moment[:, None] + torch.arange(self.network.prediction_length)
        context = self.known[past[:, -self.network.context_length :]]
        steps = torch.arange(1, ahead.shape[1] + 1) / ahead.shape[1]
        return {
            "feat_static_cat": self.cats[number],
            "feat_static_real": torch.zeros(len(number), 1),
            "past_time_feat": _with_column(context, torch.zeros(context.shape[1])),
            "past_target": self.target[past],
            "past_observed_values": self.observed[past],
            "future_time_feat": _with_column(self.known[ahead], steps),
        }


def _with_column(features: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
    """Append a time feature that is the same in all windows."""
    return torch.cat([features, column.expand(len(features), -1)[..., None]], dim=-1)


def _prepare(
    network: DeepARModel, features: FeatureShape, series: Sequence[Series], *, steps_ahead: int
) -> _Prepared:
    past = network._past_length
    unknown = float(network.distr_output.value_in_support)
    target, observed, known = [], [], []
    for one in series:
        there = np.isfinite(one.target)
        # the lags would read zeros as measurements
        values = LastValueImputation()(one.target.copy()) if there.any() else 0 * there
        ahead = _clock(one.start, len(values) + steps_ahead)
        if features.num_dynamic_feat:
            ahead = np.concatenate([ahead, features.standardised(one.dynamic_feat).T], axis=1)
        target.append(np.pad(values, (past, steps_ahead), constant_values=unknown))
        observed.append(np.pad(there, (past, steps_ahead)))
        known.append(np.pad(ahead, ((past, 0), (0, 0))))
    return _Prepared(
        network,
        torch.from_numpy(np.concatenate(target).astype(np.float32)),
        torch.from_numpy(np.concatenate(observed).astype(np.float32)),
        torch.from_numpy(np.concatenate(known).astype(np.float32)),
        torch.tensor([one.cat if features.cardinality else (0,) for one in series]),
        np.cumsum([len(one) for one in target]) - steps_ahead,
    )


def _clock(start: pd.Period, steps: int) -> Floats:
    """Return the calendar features of the frequency, such as the hour of the day."""
    index = pd.period_range(start, periods=steps, freq=start.freq)
    columns = [feature(index) for feature in time_features_from_frequency_str(start.freqstr)]
    return np.stack(columns, axis=1).astype(np.float32)
