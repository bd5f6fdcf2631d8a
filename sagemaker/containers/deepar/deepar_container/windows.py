"""Windows of series as the network takes them: lags and context before a moment, and what is known
of the time from it on.

GluonTS prepares every window anew and in Python, which takes longer than the network's step. Here
each series is prepared once, and a batch is cut out of tensors.
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
"""Tensors by the names that `DeepARModel.forward` and ``loss`` give them."""

TO_COME = ("future_target", "future_observed_values")
"""What only a window of training holds."""


class TrainingWindows:
    """All windows of some series that hold both what is read and what is to be forecast.

    A window whose whole context is missing is none of them: GluonTS would scale it by the mean of
    its batch-mates, which teaches a relation between series that does not exist.

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
        """Windows taken at random, by PyTorch's generator."""
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
    """The window of each series whose forecast begins where the series ends."""
    prepared = _prepare(network, features, series, steps_ahead=network.prediction_length)
    return prepared.at(torch.arange(len(series)), torch.from_numpy(prepared.origins))


@dataclass(frozen=True)
class _Prepared:
    """Series end to end, each after as many unknown values as the furthest lag needs.

    Parameters
    ----------
    target, observed
        Values without gaps, and 1 where they were observed, shape (time,).
    known
        What is known ahead of the clock and by dynamic features, shape (time, features).
    cats
        Shape (series, categories).
    origins
        Where each series ends, shape (series,).
    """

    network: DeepARModel
    target: torch.Tensor
    observed: torch.Tensor
    known: torch.Tensor
    cats: torch.Tensor
    origins: npt.NDArray[np.int64]

    def at(self, number: torch.Tensor, moment: torch.Tensor) -> Batch:
        """Windows of numbered series; known features as far back as the network unrolls.

        The last of them is how far ahead a step is, 0 to 1: 0 where it is not forecast.
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
    """One more feature of time, the same in all windows."""
    return torch.cat([features, column.expand(len(features), -1)[..., None]], dim=-1)


def _prepare(
    network: DeepARModel, features: FeatureShape, series: Sequence[Series], *, steps_ahead: int
) -> _Prepared:
    past = network._past_length
    unknown = float(network.distr_output.value_in_support)
    target, observed, known = [], [], []
    for one in series:
        there = np.isfinite(one.target)
        # zeros would be read as measurements by the lags
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
    """Hour of the day and the like, as far as they go with the frequency; (time, features)."""
    index = pd.period_range(start, periods=steps, freq=start.freq)
    columns = [feature(index) for feature in time_features_from_frequency_str(start.freqstr)]
    return np.stack(columns, axis=1).astype(np.float32)
