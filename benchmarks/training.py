"""Compares the container's training with GluonTS's ``estimator.train``: same network, data, steps.

It needs no estate. Both train the same network from scratch, with the same loss, on the same number
of windows of the same generated series, in turns within one run and on one thread. CPU seconds are
measured, so that other load on the machine does not count. GluonTS takes part twice: by default, it
computes the features of a whole series again for every window; with ``cache_data`` it caches them.

The loss of the last epoch is printed with the time, to show that both learn the same. The
container's own loss lets the network read its own samples over the forecast, which is more work per
step and gives another number; the comparison with GluonTS's loss is like for like.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

CONTAINER = Path(__file__).resolve().parents[1] / "sagemaker" / "containers" / "deepar"
sys.path[:0] = [str(CONTAINER), *(str(CONTAINER.parent / part) for part in ("forecast", "runtime"))]
warnings.simplefilter("ignore")  # of GluonTS and Lightning

import lightning.pytorch as lightning  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402
from deepar_container import training  # noqa: E402
from deepar_container.hyperparameters import Hyperparameters  # noqa: E402
from deepar_container.likelihoods import distribution_output  # noqa: E402
from deepar_container.losses import Loss, free_running, teacher_forced  # noqa: E402
from forecast_format.series import Series  # noqa: E402
from gluonts.torch import DeepAREstimator  # noqa: E402
from gluonts.transform import LastValueImputation  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

SERIES = 20
HOURS = 365 * 24
SIZES = {
    "GluonTS's defaults": Hyperparameters("H", 24, 24, epochs=1, mini_batch_size=32),
    "ours": Hyperparameters("H", 48, 24, epochs=1, mini_batch_size=32, learning_rate=3e-3),
}

Contestant = Callable[[Hyperparameters, Sequence[Series]], float]
"""A function that trains and returns the loss of the last epoch."""


def generated() -> list[Series]:
    """Generate series with a daily cycle, weather that lasts for days, and gaps."""
    random = np.random.default_rng(1)
    cycle = 1.2 + np.sin(2 * np.pi * np.arange(HOURS) / 24)
    found = []
    for number in range(SERIES):
        weather = np.repeat(random.gamma(4, 1 / 4, HOURS // 24), 24)
        target = 30 * cycle * weather * random.gamma(20, 1 / 20, HOURS)
        target[random.random(HOURS) < 0.02] = np.nan
        cat = (number % 4, number // 4)
        found.append(Series(pd.Period("2024-01-01", "h"), target.astype(np.float32), cat))
    return found


def container(loss: Loss) -> Contestant:
    """Return the container's training of one network with a loss."""

    def train(hyperparameters: Hyperparameters, series: Sequence[Series]) -> float:
        losses: list[float] = []
        settings = training.settings_for(hyperparameters, series)
        training.fit(
            settings, series, lambda epoch, loss: losses.append(loss), networks=1, loss=loss
        )
        return losses[-1]

    return train


def gluonts(*, cache_data: bool) -> Contestant:
    """Return GluonTS's ``estimator.train``."""

    def train(hyperparameters: Hyperparameters, series: Sequence[Series]) -> float:
        losses: list[float] = []
        lightning.seed_everything(training.SEED, verbose=False)
        features = training.settings_for(hyperparameters, series).features
        entries = [
            {"start": one.start, "target": one.target, "feat_static_cat": list(one.cat)}
            for one in series
        ]
        with tempfile.TemporaryDirectory(prefix="lakecast-bench-") as folder:
            DeepAREstimator(
                freq="h",
                prediction_length=hyperparameters.prediction_length,
                context_length=hyperparameters.context_length,
                num_layers=hyperparameters.num_layers,
                hidden_size=hyperparameters.num_cells,
                lr=hyperparameters.learning_rate,
                dropout_rate=hyperparameters.dropout_rate,
                num_feat_static_cat=len(features.cardinality),
                cardinality=list(features.cardinality),
                embedding_dimension=[hyperparameters.embedding_dimension]
                * len(features.cardinality),
                distr_output=distribution_output(hyperparameters.likelihood),
                imputation_method=LastValueImputation(),
                batch_size=hyperparameters.mini_batch_size,
                num_batches_per_epoch=training.batches_per_epoch(hyperparameters, series),
                trainer_kwargs={
                    "max_epochs": hyperparameters.epochs,
                    "accelerator": "cpu",
                    "logger": False,
                    "enable_progress_bar": False,
                    "enable_model_summary": False,
                    "default_root_dir": folder,
                    "callbacks": [_Losses(losses)],
                },
            ).train(entries, cache_data=cache_data)
        return losses[-1]

    return train


class _Losses(lightning.Callback):
    def __init__(self, losses: list[float]) -> None:
        self._losses = losses

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        self._losses.append(float(trainer.callback_metrics["train_loss"]))


CONTESTANTS: dict[str, Contestant] = {
    "GluonTS estimator.train": gluonts(cache_data=False),
    "GluonTS, cache_data=True": gluonts(cache_data=True),
    "container, GluonTS's loss": container(teacher_forced),
    "container, its own loss": container(free_running),
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="trainings of each contestant")
    parser.add_argument("--epochs", type=int, default=1, help="passes over the series")
    options = parser.parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)  # as in the container
    console = Console()
    console.print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"PyTorch {torch.__version__}, one thread; {SERIES} series of {HOURS} h, "
        f"median of {options.rounds}"
    )
    series = generated()
    table = Table()
    for column in ("network", "contestant", "CPU s", "ms per step", "loss", "GluonTS / it"):
        table.add_column(column, justify="left" if column in ("network", "contestant") else "right")
    for size, hyperparameters in SIZES.items():
        chosen = replace(hyperparameters, epochs=options.epochs)
        seconds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
        losses = {}
        for _ in range(options.rounds):
            for name, train in CONTESTANTS.items():
                started = time.process_time()
                losses[name] = train(chosen, series)
                seconds[name].append(time.process_time() - started)
        steps = options.epochs * training.batches_per_epoch(chosen, series)
        baseline = float(np.median(seconds["GluonTS estimator.train"]))
        for name, taken in seconds.items():
            median = float(np.median(taken))
            table.add_row(
                f"{size}: context {chosen.context_length} h, {chosen.num_cells} cells, "
                f"{steps} steps",
                name,
                f"{median:.2f}",
                f"{1e3 * median / steps:.1f}",
                f"{losses[name]:.3f}",
                f"{baseline / median:.2f}",
            )
        table.add_section()
    console.print(table)


if __name__ == "__main__":
    main()
