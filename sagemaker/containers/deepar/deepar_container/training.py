"""Training: from the channels to the artefact."""

from __future__ import annotations

import logging
import math
import tempfile
import warnings
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch
from forecast_contract import metric_lines
from forecast_contract.channels import read_channel
from forecast_contract.errors import DataError, SeriesError
from forecast_contract.evaluation import test_scores
from forecast_contract.metric_lines import logger
from forecast_contract.paths import ContainerPaths
from forecast_contract.series import Series

from deepar_container.hyperparameters import Hyperparameters
from deepar_container.likelihoods import check_targets
from deepar_container.model import DeepAR, ModelSettings
from deepar_container.network import FeatureShape, entry, estimator

SEED = 1
"""DeepAR has no hyperparameter for it; with a fixed one the same data give the same model."""

LEAST_BATCHES = 50
MOST_BATCHES = 500
"""Bounds of an epoch, so that few series still give it enough steps, and very many do not make it
endless."""

MAX_LEVELS = 10_000
"""Categories whose mean level is kept with the model."""


def run(paths: ContainerPaths, hyperparameters: Hyperparameters) -> None:
    """Train on the ``train`` channel, score on ``test`` where there is one, leave the artefact.

    Raises
    ------
    CustomerError
        The channels cannot be trained on; the message says why.
    """
    host = metric_lines.current_host(paths.resource_config)
    series = trainable(
        read_channel(paths.channel("train"), hyperparameters.frequency),
        hyperparameters.prediction_length,
    )
    check_targets(hyperparameters.likelihood, series)
    settings = settings_for(hyperparameters, series)
    held_out = None
    if paths.channel("test").is_dir():
        held_out = read_channel(paths.channel("test"), hyperparameters.frequency)
        _check_features(settings.features, held_out)
    logger.info(
        "training on %d series with %d observed values; cardinality %s, %d dynamic features",
        len(series),
        sum(int(np.isfinite(one.target).sum()) for one in series),
        list(settings.features.cardinality),
        settings.features.num_dynamic_feat,
    )
    weights = fit(settings, series, host)
    if held_out is not None:
        model = DeepAR(settings, weights)
        logger.info(
            "Evaluating model accuracy on testset using %d samples",
            hyperparameters.num_eval_samples,
        )
        scores = test_scores(
            model, held_out, hyperparameters.num_eval_samples, hyperparameters.test_quantiles
        )
        metric_lines.test_scores(host, scores)
    DeepAR.save(paths.model, settings, weights)


def trainable(series: Sequence[Series], prediction_length: int) -> list[Series]:
    """Series with a value before their last ``prediction_length`` ones; others teach nothing.

    Raises
    ------
    DataError
        There is none.
    """
    kept = [one for one in series if np.isfinite(one.target[:-prediction_length]).any()]
    if not kept:
        raise DataError(
            f"train channel: none of the {len(series)} series has a value before its last "
            f"{prediction_length} (prediction_length); longer series are needed"
        )
    if len(kept) < len(series):
        logger.warning(
            "%d of %d series are too short or empty and are left out",
            len(series) - len(kept),
            len(series),
        )
    return kept


def settings_for(hyperparameters: Hyperparameters, series: Sequence[Series]) -> ModelSettings:
    """What the data say about the model before it is trained."""
    by_category: dict[tuple[int, ...], list[float]] = {}
    for one in series:
        by_category.setdefault(one.cat, []).append(float(np.nanmean(one.target)))
    levels = {cat: float(np.mean(means)) for cat, means in by_category.items()}
    return ModelSettings(
        hyperparameters=hyperparameters,
        features=FeatureShape.of(hyperparameters, series),
        is_nonnegative=all(np.nanmin(one.target) >= 0 for one in series),
        levels=dict(list(levels.items())[:MAX_LEVELS]),
        level=float(np.mean(list(levels.values()))),
    )


def batches_per_epoch(hyperparameters: Hyperparameters, series: Sequence[Series]) -> int:
    """Batches in which every value is seen about once, within bounds."""
    window = hyperparameters.context_length + hyperparameters.prediction_length
    windows = sum(len(one.target) for one in series) / window
    batches = math.ceil(windows / hyperparameters.mini_batch_size)
    return min(MOST_BATCHES, max(LEAST_BATCHES, batches))


def fit(settings: ModelSettings, series: Sequence[Series], host: str) -> dict[str, torch.Tensor]:
    """Weights of the epoch with the lowest training loss.

    Raises
    ------
    DataError
        The loss is no number.
    """
    hyperparameters = settings.hyperparameters
    lightning.seed_everything(SEED, verbose=False)
    watch = _Watch(host, hyperparameters.epochs)
    callbacks: list[lightning.Callback] = [watch, _Annealing(hyperparameters)]
    if hyperparameters.early_stopping_patience is not None:
        # GluonTS's own "patience" is that of the learning rate's schedule
        callbacks.append(
            lightning.callbacks.EarlyStopping(
                "train_loss",
                patience=hyperparameters.early_stopping_patience,
                check_on_train_epoch_end=True,
            )
        )
    with tempfile.TemporaryDirectory(prefix="deepar-") as checkpoints, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice about loggers and worker processes
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        trained = estimator(
            hyperparameters,
            settings.features,
            is_nonnegative=settings.is_nonnegative,
            batches_per_epoch=batches_per_epoch(hyperparameters, series),
            trainer={
                "max_epochs": hyperparameters.epochs,
                "accelerator": "cpu",
                "logger": False,
                "enable_progress_bar": False,
                "enable_model_summary": False,
                "default_root_dir": checkpoints,
                "callbacks": callbacks,
            },
        ).train_model(
            [entry(one, settings.features) for one in series],
            cache_data=True,  # else time features are computed anew in every pass
        )
    if watch.failure is not None:  # GluonTS goes on with the last checkpoint instead
        raise watch.failure
    metric_lines.final_loss(host, watch.best_loss)
    weights: dict[str, torch.Tensor] = trained.trained_net.state_dict()
    return weights


class _Watch(lightning.Callback):
    """Reports every epoch, and remembers what went wrong."""

    def __init__(self, host: str, epochs: int) -> None:
        self._host = host
        self._epochs = epochs
        self.best_loss = math.inf
        self.failure: BaseException | None = None

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        loss = float(trainer.callback_metrics["train_loss"])
        if not math.isfinite(loss):
            raise DataError(
                f"the training loss became {loss} in epoch {trainer.current_epoch}: look for "
                "extreme values in the series, or lower learning_rate"
            )
        self.best_loss = min(self.best_loss, loss)
        metric_lines.epoch_loss(self._host, trainer.current_epoch, self._epochs, loss)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self.failure = exception


class _Annealing(lightning.Callback):
    """Lowers the learning rate along half a cosine, from ``learning_rate`` to nearly 0.

    The loss of an epoch depends on which windows it drew, by more than a late epoch gains, so the
    epoch with the lowest loss is a matter of luck while steps are large; with small ones at the
    end the last epochs hardly differ. GluonTS's own schedule waits for ten epochs without
    progress, which a short training never has.
    """

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        self._highest = hyperparameters.learning_rate
        self._epochs = hyperparameters.epochs

    def on_train_epoch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        share = trainer.current_epoch / self._epochs
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self._highest * (1 + math.cos(math.pi * share)) / 2


def _check_features(features: FeatureShape, series: Sequence[Series]) -> None:
    for number, one in enumerate(series, start=1):
        try:
            features.check(one, steps_ahead=0)
        except SeriesError as error:
            raise DataError(f"test channel, series {number}: {error}") from None
