"""The network: GluonTS's DeepAR estimator, set up from DeepAR's hyperparameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from forecast_contract.errors import DataError, SeriesError
from forecast_contract.series import Series
from gluonts.torch.model.deepar import DeepAREstimator
from gluonts.transform import Chain, FilterTransformation, LastValueImputation, Transformation

from deepar_container.hyperparameters import AUTO, IGNORED, Hyperparameters
from deepar_container.likelihoods import distribution_output, is_scaled


@dataclass(frozen=True)
class FeatureShape:
    """Features that a model takes, as found in or demanded of its training data.

    Parameters
    ----------
    cardinality
        Number of values of each category; empty where categories are not used.
    num_dynamic_feat
        Number of dynamic features.
    """

    cardinality: tuple[int, ...]
    num_dynamic_feat: int

    @classmethod
    def of(cls, hyperparameters: Hyperparameters, series: Sequence[Series]) -> FeatureShape:
        """Resolve ``auto`` against the training data, and check the data against the rest.

        Raises
        ------
        DataError
            Series disagree with each other or with the hyperparameters.
        """
        cardinality = _cardinality(hyperparameters.cardinality, series)
        num_dynamic_feat = _num_dynamic_feat(hyperparameters.num_dynamic_feat, series)
        shape = cls(cardinality, num_dynamic_feat)
        for number, one in enumerate(series, start=1):
            try:
                shape.check(one, steps_ahead=0)
            except SeriesError as error:
                raise DataError(f"train channel, series {number}: {error}") from None
        return shape

    def check(self, series: Series, *, steps_ahead: int) -> None:
        """Refuse a series whose features the model cannot take.

        Parameters
        ----------
        steps_ahead
            Steps by which dynamic features must go beyond the target: none in a channel,
            ``prediction_length`` in a request.

        Raises
        ------
        SeriesError
            Says what was expected and what came. An unseen category would otherwise be an
            IndexError deep inside the embedding.
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


class ObservedWindowEstimator(DeepAREstimator):  # type: ignore[misc]
    """DeepAR that never trains on a window whose whole context is missing.

    GluonTS scales such a window by the mean of its batch-mates, which teaches the network a
    relation between series that does not exist.
    """

    def _create_instance_splitter(self, module: Any, mode: str) -> Transformation:
        splitter = super()._create_instance_splitter(module, mode)
        if mode != "training":
            return splitter
        return Chain([splitter, FilterTransformation(self._has_observed_context)])

    def _has_observed_context(self, entry: dict[str, Any]) -> bool:
        return bool(np.any(entry["past_observed_values"][-self.context_length :] > 0))


def estimator(
    hyperparameters: Hyperparameters,
    features: FeatureShape,
    *,
    is_nonnegative: bool,
    batches_per_epoch: int = 1,
    trainer: dict[str, Any] | None = None,
) -> ObservedWindowEstimator:
    """GluonTS's estimator.

    Parameters
    ----------
    is_nonnegative
        Clip samples at zero: Student-T and Gaussian tails reach below it on positive data.
    batches_per_epoch
        Batches that make one epoch.
    trainer
        Arguments of Lightning's trainer.
    """
    return ObservedWindowEstimator(
        freq=hyperparameters.frequency,
        prediction_length=hyperparameters.prediction_length,
        context_length=hyperparameters.context_length,
        num_layers=hyperparameters.num_layers,
        hidden_size=hyperparameters.num_cells,
        lr=hyperparameters.learning_rate,
        # PyTorch's LSTM drops between layers only, and warns where there is one layer
        dropout_rate=hyperparameters.dropout_rate if hyperparameters.num_layers > 1 else 0.0,
        num_feat_static_cat=len(features.cardinality),
        cardinality=list(features.cardinality) or None,
        embedding_dimension=[hyperparameters.embedding_dimension]
        * max(1, len(features.cardinality)),
        num_feat_dynamic_real=features.num_dynamic_feat,
        distr_output=distribution_output(hyperparameters.likelihood),
        scaling=is_scaled(hyperparameters.likelihood),
        # the default imputes zeros, which lags then read as measurements
        imputation_method=LastValueImputation(),
        batch_size=hyperparameters.mini_batch_size,
        num_batches_per_epoch=batches_per_epoch,
        nonnegative_pred_samples=is_nonnegative,
        trainer_kwargs=trainer or {},
    )


def entry(series: Series, features: FeatureShape) -> dict[str, Any]:
    """A series as GluonTS takes it."""
    fields: dict[str, Any] = {"start": series.start, "target": series.target}
    if features.cardinality:
        fields["feat_static_cat"] = np.asarray(series.cat)
    if features.num_dynamic_feat:
        fields["feat_dynamic_real"] = series.dynamic_feat
    return fields


def _cardinality(asked: str | tuple[int, ...], series: Sequence[Series]) -> tuple[int, ...]:
    if asked == IGNORED:
        return ()
    lengths = {len(one.cat) for one in series}
    if len(lengths) > 1:
        raise DataError(
            "train channel: every series must have cat of one length; "
            f"got lengths {', '.join(map(str, sorted(lengths)))}"
        )
    found = tuple(max(column) + 1 for column in zip(*(one.cat for one in series), strict=True))
    if asked == AUTO:
        return found
    if len(asked) != len(found):
        raise DataError(
            f"cardinality {list(asked)} names {len(asked)} categories; the series have {len(found)}"
        )
    return tuple(int(size) for size in asked)


def _num_dynamic_feat(asked: str | int, series: Sequence[Series]) -> int:
    if asked == IGNORED:
        return 0
    found = {one.dynamic_feat.shape[0] for one in series}
    if len(found) > 1:
        raise DataError(
            "train channel: every series must have as many dynamic_feat; "
            f"got {', '.join(map(str, sorted(found)))}"
        )
    count = int(found.pop())
    if asked not in (AUTO, count):
        raise DataError(f"num_dynamic_feat is {asked}; the series have {count}")
    return count
