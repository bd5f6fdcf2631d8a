"""A model that trains in a second, its data, and fixtures of both."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from deepar_container.commands import configure_torch
from deepar_container.hyperparameters import Hyperparameters
from deepar_container.model import DeepAR
from deepar_container.training import fit, settings_for
from forecast_format.series import Series

CONTAINER = Path(__file__).parents[3] / "sagemaker" / "containers" / "deepar"

configure_torch()  # one thread, as in the container; under load, two would block each other

TINY = {
    "time_freq": "H",
    "context_length": "6",
    "prediction_length": "4",
    "epochs": "1",
    "num_cells": "4",
    "num_layers": "1",
    "mini_batch_size": "8",
    "embedding_dimension": "2",
    "num_eval_samples": "10",
}
START = "2024-01-01 00:00:00"
HOURS = 200


def daily_cycle(level: float, hours: int = HOURS) -> np.ndarray:
    """Returns a positive series with a daily cycle and a little noise."""
    noise = np.random.default_rng(int(level)).normal(0, 0.05, hours)
    cycle = 1 + 0.5 * np.sin(2 * np.pi * np.arange(hours) / 24)
    return (level * np.clip(cycle + noise, 0.01, None)).astype(np.float32)


def document(level: float, cat: list[int], hours: int = HOURS) -> dict[str, object]:
    """Returns a series as a line of a channel or an instance of a request."""
    return {"start": START, "target": daily_cycle(level, hours).tolist(), "cat": cat}


def write_hyperparameters(base: Path, **given: str) -> None:
    """Writes hyperparameters where SageMaker writes them."""
    path = base / "input" / "config" / "hyperparameters.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**TINY, **given}))


@pytest.fixture(scope="session")
def container() -> Path:
    """Folder with ``train`` and ``serve``."""
    return CONTAINER


@pytest.fixture(scope="session")
def tiny_series():
    """Four series, two devices with two pollutants each, of very different levels."""

    return [
        Series(pd.Period(START, "h"), daily_cycle(level), (device, pollutant))
        for device in (0, 1)
        for pollutant, level in ((0, 10.0), (1, 1000.0))
    ]


@pytest.fixture(scope="session")
def tiny_settings(tiny_series):

    return settings_for(Hyperparameters.parse(TINY), tiny_series)


@pytest.fixture(scope="session")
def tiny_weights(tiny_settings, tiny_series):

    return fit(tiny_settings, tiny_series, lambda epoch, loss: None).weights


@pytest.fixture(scope="session")
def tiny_model(tiny_settings, tiny_weights):

    return DeepAR(tiny_settings, tiny_weights)
