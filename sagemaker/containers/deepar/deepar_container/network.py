"""Builds GluonTS's network from DeepAR's hyperparameters and checks its features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from container_runtime.errors import DataError, SeriesError
from forecast_format.series import Floats, Series
from gluonts.time_feature import time_features_from_frequency_str
from gluonts.torch.model.deepar import DeepARModel

from deepar_container.hyperparameters import AUTO, IGNORED, Hyperparameters
from deepar_container.likelihoods import distribution_output, is_scaled

MOST_WEIGHTS = 50_000_000
"""Largest number of weights of the embeddings: 200 MB per network."""

LEAST_DEVIATION = 1e-6
"""Smallest standard deviation of a dynamic feature, as a share of its mean, that is no rounding of
32-bit numbers."""


@dataclass(frozen=True)
class FeatureShape:
    """The features of a model, taken from the training data or set by hyperparameters.

    Parameters
    ----------
    cardinality
        Number of values of each category; empty if categories are not used.
    dynamic_scales
        Mean and standard deviation of each dynamic feature in the training data. The features are
        standardised with them; otherwise a pressure of 1013 hPa would dominate all others.
    """

    cardinality: tuple[int, ...]
    dynamic_scales: tuple[tuple[float, float], ...] = ()

    @property
    def num_dynamic_feat(self) -> int:
        """Number of dynamic features."""
        return len(self.dynamic_scales)

    def standardised(self, dynamic_feat: Floats) -> Floats:
        """Standardise dynamic features, shape (features, time), for the network."""
        mean, deviation = np.array(self.dynamic_scales, dtype=np.float32).T[..., None]
        scaled: Floats = (dynamic_feat - mean) / deviation
        return scaled

    @classmethod
    def of(cls, hyperparameters: Hyperparameters, series: Sequence[Series]) -> FeatureShape:
        """Resolve ``auto`` from the training data, and check the data against the result.

        Raises
        ------
        DataError
            Series disagree with each other or with the hyperparameters.
        """
        cardinality = _cardinality(hyperparameters.cardinality, series)
        _check_size(cardinality, hyperparameters.embedding_dimension)
        count = _num_dynamic_feat(hyperparameters.num_dynamic_feat, series)
        shape = cls(cardinality, tuple(_scale(series, feature) for feature in range(count)))
        for number, one in enumerate(series, start=1):
            try:
                shape.check(one, steps_ahead=0)
            except SeriesError as error:
                raise DataError(f"train channel, series {number}: {error}") from None
        return shape

    def check(self, series: Series, *, steps_ahead: int) -> None:
        """Check that a series has the model's features.

        Parameters
        ----------
        steps_ahead
            Steps that dynamic features must cover beyond the target: 0 in a channel,
            ``prediction_length`` in a request.

        Raises
        ------
        SeriesError
            The features differ; the message gives the expected and the received ones. Without this
            check, an unseen category would raise an IndexError inside the embedding.
        """
        if self.cardinality:
            if len(series.cat) != len(self.cardinality):
                raise SeriesError(
                    f"cat must hold {len(self.cardinality)} categories; got {list(series.cat)}"
                )
            for position, (category, size) in enumerate(
                zip(series.cat, self.cardinality, strict=True)
            ):
                if category >= size:
                    raise SeriesError(
                        f"cat[{position}] must be below {size}, the number of categories that "
                        f"the model was trained with; got {category}"
                    )
        if self.num_dynamic_feat:
            expected = (self.num_dynamic_feat, len(series.target) + steps_ahead)
            if series.dynamic_feat.shape != expected:
                raise SeriesError(
                    f"dynamic_feat must hold {expected[0]} lists of {expected[1]} numbers; "
                    f"got {series.dynamic_feat.shape[0]} of {series.dynamic_feat.shape[-1]}"
                )


def network(
    hyperparameters: Hyperparameters, features: FeatureShape, *, is_nonnegative: bool
) -> DeepARModel:
    """Build an untrained network.

    Parameters
    ----------
    is_nonnegative
        Whether to clip samples at zero: on positive data, the tails of Student-T and Gaussian
        distributions extend below it.
    """
    categories = features.cardinality or (1,)  # GluonTS requires at least one
    clock = time_features_from_frequency_str(hyperparameters.frequency)
    return DeepARModel(
        freq=hyperparameters.frequency,
        context_length=hyperparameters.context_length,
        prediction_length=hyperparameters.prediction_length,
        num_feat_dynamic_real=len(clock) + features.num_dynamic_feat + 1,  # how far ahead
        num_feat_static_cat=len(categories),
        cardinality=list(categories),
        embedding_dimension=[hyperparameters.embedding_dimension] * len(categories),
        num_layers=hyperparameters.num_layers,
        hidden_size=hyperparameters.num_cells,
        # PyTorch's LSTM applies dropout between layers only, and warns about a single layer
        dropout_rate=hyperparameters.dropout_rate if hyperparameters.num_layers > 1 else 0.0,
        distr_output=distribution_output(hyperparameters.likelihood),
        scaling=is_scaled(hyperparameters.likelihood),
        nonnegative_pred_samples=is_nonnegative,
    )


def _cardinality(requested: str | tuple[int, ...], series: Sequence[Series]) -> tuple[int, ...]:
    if requested == IGNORED:
        return ()
    lengths = {len(one.cat) for one in series}
    if len(lengths) > 1:
        raise DataError(
            "train channel: every series must have cat of one length; "
            f"got lengths {', '.join(map(str, sorted(lengths)))}"
        )
    found = tuple(max(column) + 1 for column in zip(*(one.cat for one in series), strict=True))
    if requested == AUTO:
        return found
    if len(requested) != len(found):
        raise DataError(
            f"cardinality {list(requested)} names {len(requested)} categories; "
            f"the series have {len(found)}"
        )
    return tuple(int(size) for size in requested)


def _check_size(cardinality: Sequence[int], dimension: int) -> None:
    """Raise an error for embeddings that would exhaust the memory."""
    if sum(cardinality) * dimension > MOST_WEIGHTS:
        raise DataError(
            f"train channel: cat must be numbered from 0 without gaps, and have at most "
            f"{MOST_WEIGHTS // dimension:,} values with embedding_dimension {dimension}; got "
            f"{list(cardinality)}"
        )


def _scale(series: Sequence[Series], feature: int) -> tuple[float, float]:
    values = np.concatenate([one.dynamic_feat[feature] for one in series]).astype(np.float64)
    mean, deviation = float(values.mean()), float(values.std())
    # a constant feature is only centred; rounding gives it a tiny deviation
    return mean, deviation if deviation > LEAST_DEVIATION * abs(mean) else 1.0


def _num_dynamic_feat(requested: str | int, series: Sequence[Series]) -> int:
    if requested == IGNORED:
        return 0
    found = {one.dynamic_feat.shape[0] for one in series}
    if len(found) > 1:
        raise DataError(
            "train channel: every series must have the same number of dynamic_feat; "
            f"got {', '.join(map(str, sorted(found)))}"
        )
    count = int(found.pop())
    if requested not in (AUTO, count):
        raise DataError(f"num_dynamic_feat is {requested}; the series have {count}")
    return count
