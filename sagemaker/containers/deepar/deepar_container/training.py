"""Trains a model from the channels and writes the artefact."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from container_runtime import metric_lines
from container_runtime.errors import DataError, SeriesError
from container_runtime.metric_lines import logger
from container_runtime.paths import ContainerPaths
from forecast_format.channels import read_channel
from forecast_format.series import Series
from forecast_format.test_scores import check_scorable, test_scores
from gluonts.torch.model.deepar import DeepARModel

from deepar_container.hyperparameters import Hyperparameters
from deepar_container.likelihoods import is_point_forecast
from deepar_container.losses import Loss, free_running
from deepar_container.model import DeepAR, ModelSettings
from deepar_container.network import FeatureShape
from deepar_container.windows import Batch, TrainingWindows

SEED = 1
"""Fixed random seed, because DeepAR has no hyperparameter for it: equal data give equal models."""

NETWORKS = 3
"""Number of networks that are trained together; each draws a share of the sample paths. Their
disagreement shows the model's uncertainty; a single network is overconfident."""

LEAST_BATCHES = 50
MOST_BATCHES = 500
"""Bounds of the batches per epoch, so that few series give enough steps and many do not take too
long."""

MAX_GRADIENT = 10.0
"""Norm at which gradients are clipped, as GluonTS does."""

MAX_LEVELS = 10_000
"""Categories whose mean level is kept with the model."""


def run(paths: ContainerPaths, hyperparameters: Hyperparameters) -> None:
    """Train on the ``train`` channel, score on ``test`` if it exists, and save the artefact.

    Raises
    ------
    CustomerError
        The channels are not usable for training; the message says why.
    """
    host = metric_lines.current_host(paths.resource_config)
    series = trainable(
        read_channel(paths.channel("train"), hyperparameters.frequency),
        hyperparameters.prediction_length,
    )
    settings = settings_for(hyperparameters, series)
    _check("train", settings, series)
    held_out = None
    if paths.channel("test").is_dir():
        held_out = read_channel(paths.channel("test"), hyperparameters.frequency)
        _check("test", settings, held_out)
        check_scorable(held_out, hyperparameters.prediction_length)
    logger.info(
        "training on %d series with %d observed values; cardinality %s, %d dynamic features",
        len(series),
        sum(int(np.isfinite(one.target).sum()) for one in series),
        list(settings.features.cardinality),
        settings.features.num_dynamic_feat,
    )
    fitted = fit(
        settings,
        series,
        lambda epoch, loss: metric_lines.epoch_loss(host, epoch, hyperparameters.epochs, loss),
    )
    metric_lines.final_loss(host, fitted.loss)
    model = DeepAR(settings, fitted.weights)
    model.save(paths.model)
    if held_out is not None:
        logger.info(
            "Evaluating model accuracy on testset using %d samples",
            hyperparameters.num_eval_samples,
        )
        scores = test_scores(
            model, held_out, hyperparameters.num_eval_samples, hyperparameters.test_quantiles
        )
        metric_lines.test_scores(host, scores)


def trainable(series: Sequence[Series], prediction_length: int) -> list[Series]:
    """Return the series with a value before their last ``prediction_length`` values.

    Raises
    ------
    DataError
        No series has one.
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
    """Derive the model's settings from the data before training."""
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
    """Return the number of batches that cover every value about once, within bounds."""
    window = hyperparameters.context_length + hyperparameters.prediction_length
    windows = sum(len(one.target) for one in series) / window
    batches = math.ceil(windows / hyperparameters.mini_batch_size)
    return min(MOST_BATCHES, max(LEAST_BATCHES, batches))


@dataclass(frozen=True)
class Fitted:
    """Weights of every network at the epoch with the lowest training loss, and that loss."""

    weights: Sequence[Mapping[str, torch.Tensor]]
    loss: float


def fit(
    settings: ModelSettings,
    series: Sequence[Series],
    on_epoch: Callable[[int, float], None],
    seed: int = SEED,
    *,
    networks: int = NETWORKS,
    loss: Loss = free_running,
) -> Fitted:
    """Train networks together, each with its own initial weights and windows.

    Parameters
    ----------
    on_epoch
        Function that receives the number of each epoch, from 0, and its mean loss.
    seed
        Random seed; the same seed and data give the same weights, bit for bit.

    Raises
    ------
    DataError
        No window has an observed value, or the loss is not finite.
    """
    hyperparameters = settings.hyperparameters
    torch.manual_seed(seed)
    if is_point_forecast(hyperparameters.likelihood):
        networks = 1  # the paths of several networks would be several points
    untrained = [settings.network() for _ in range(networks)]
    windows = TrainingWindows(untrained[0], settings.features, series)
    batches = batches_per_epoch(hyperparameters, series)
    learners = [_Learner(one, windows, hyperparameters, batches, loss) for one in untrained]
    best, epochs_without_progress = Fitted([], math.inf), 0
    for epoch in range(hyperparameters.epochs):
        mean = float(np.mean([learner.train_epoch(epoch) for learner in learners]))
        on_epoch(epoch, mean)
        epochs_without_progress += 1
        if mean < best.loss:
            best = Fitted([copy.deepcopy(one.network.state_dict()) for one in learners], mean)
            epochs_without_progress = 0
        if epochs_without_progress == hyperparameters.early_stopping_patience:
            break
    return best


class _Learner:
    """A network in training.

    The windows drawn in an epoch change its loss by more than a late epoch improves it. The
    learning rate falls along half a cosine, so that late epochs hardly differ and chance does not
    decide which epoch has the lowest loss.
    """

    def __init__(
        self,
        network: DeepARModel,
        windows: TrainingWindows,
        hyperparameters: Hyperparameters,
        batches: int,
        loss: Loss,
    ) -> None:
        self.network = network
        self._windows = windows
        self._batch_size = hyperparameters.mini_batch_size
        self._batches = batches
        self._loss = loss
        self._optimizer = torch.optim.Adam(network.parameters(), lr=hyperparameters.learning_rate)
        self._annealing = torch.optim.lr_scheduler.CosineAnnealingLR(
            self._optimizer, T_max=batches * hyperparameters.epochs
        )

    def train_epoch(self, epoch: int) -> float:
        """Train one epoch and return the mean loss of its batches."""
        losses = []
        for _ in range(self._batches):
            loss = self._checked_loss(self._windows.draw(self._batch_size), epoch)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), MAX_GRADIENT)
            self._optimizer.step()
            self._annealing.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    def _checked_loss(self, batch: Batch, epoch: int) -> torch.Tensor:
        try:
            loss = self._loss(self.network, batch)
        except ValueError:  # a distribution rejects NaN parameters
            loss = torch.tensor(math.nan)
        if not torch.isfinite(loss):
            raise DataError(
                f"the training loss became {loss.item()} in epoch {epoch}: look for extreme "
                "values in the series, or lower learning_rate"
            )
        return loss


def _check(channel: str, settings: ModelSettings, series: Sequence[Series]) -> None:
    for number, one in enumerate(series, start=1):
        try:
            settings.check(one, steps_ahead=0)
        except SeriesError as error:
            raise DataError(f"{channel} channel, series {number}: {error}") from None
