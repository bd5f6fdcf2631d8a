"""GluonTS's DeepAR with default settings: the baseline for the container's DeepAR."""

from __future__ import annotations

import logging
import tempfile
import warnings
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import pandas as pd
from deepar_container.commands import configure_torch
from evaluation_container.scoring.metrics import Floats
from gluonts.torch import DeepAREstimator

from contracts.models.forecast_input import HORIZON
from forecasting.backtest.forecasters.base import BAND_LEVELS, Report
from forecasting.backtest.history import History

EPOCHS = 20
"""Number of epochs of 50 batches: the only setting that differs from the library's default, 100,
which takes five times as long."""


class StockDeepAR:
    """`DeepAREstimator` with the library's defaults; each series is a category.

    Parameters
    ----------
    seed
        Random seed; the same seed and data give the same forecasts.
    epochs
        Number of epochs of 50 batches.
    """

    def __init__(self, seed: int, epochs: int = EPOCHS) -> None:
        self.seed = seed
        self.epochs = epochs

    def fit(self, history: History, report: Report) -> None:
        """Train by the library's ``train``, with its fastest settings."""
        configure_torch()
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        lightning.seed_everything(self.seed, verbose=False)
        entries = _entries(history)
        with (
            tempfile.TemporaryDirectory(prefix="deepar-") as checkpoints,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # Lightning's warnings about loggers and workers
            estimator = DeepAREstimator(
                freq="h",
                prediction_length=HORIZON,
                num_feat_static_cat=1,
                cardinality=[len(entries)],
                trainer_kwargs={
                    "max_epochs": self.epochs,
                    "accelerator": "cpu",
                    "logger": False,
                    "enable_progress_bar": False,
                    "enable_model_summary": False,
                    "default_root_dir": checkpoints,
                    "callbacks": [_Progress(report, self.epochs)],
                },
            )
            self._predictor = estimator.train(entries, cache_data=True)

    def predict(self, history: History) -> Floats:
        """Forecast with the library's predictor; negative values are clipped at zero."""
        lightning.seed_everything(self.seed, verbose=False)
        levels = [str(level) for level in BAND_LEVELS]
        found = np.stack(
            [
                np.stack([forecast.quantile(level) for level in levels], axis=-1)
                for forecast in self._predictor.predict(_entries(history))
            ]
        )
        found = np.sort(np.clip(found.astype(np.float64), 0, None), axis=-1)
        return found.reshape(len(history.stations), -1, HORIZON, len(BAND_LEVELS))


class _Progress(lightning.Callback):
    def __init__(self, report: Report, epochs: int) -> None:
        self._report = report
        self._epochs = epochs

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        self._report((trainer.current_epoch + 1) / self._epochs)


def _entries(history: History) -> list[dict[str, Any]]:
    series = history.targets().reshape(-1, history.values.shape[2]).astype(np.float32)
    start = pd.Period(history.start, freq="h")
    return [
        {"start": start, "target": target, "feat_static_cat": [number]}
        for number, target in enumerate(series)
    ]
