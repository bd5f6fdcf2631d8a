"""GluonTS's DeepAR as it comes: the baseline that DeepAR of the container is measured against."""

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
"""Of 50 batches each: the only setting that is not the library's, whose 100 take five times as
long."""


class StockDeepAR:
    """`DeepAREstimator` with the library's defaults, all series of one category each.

    Parameters
    ----------
    seed
        Same seed, same data: the same forecasts.
    epochs
        Of 50 batches each.
    """

    def __init__(self, seed: int, epochs: int = EPOCHS) -> None:
        self.seed = seed
        self.epochs = epochs

    def fit(self, history: History, report: Report) -> None:
        """Train by the library's ``train``, as fast as it can be told to be."""
        configure_torch()
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        lightning.seed_everything(self.seed, verbose=False)
        entries = _entries(history)
        with (
            tempfile.TemporaryDirectory(prefix="deepar-") as checkpoints,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # Lightning's advice about loggers and workers
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
        """Forecast by the library's predictor; what lies below zero is raised to it."""
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
