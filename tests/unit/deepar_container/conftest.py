"""Makes the container's modules importable, and trains one tiny model for all its tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

CONTAINER = Path(__file__).parents[3] / "sagemaker" / "containers" / "deepar"
sys.path.insert(0, str(CONTAINER))

from deepar_container.hyperparameters import Hyperparameters  # noqa: E402
from deepar_container.model import ForecastModel  # noqa: E402
from deepar_container.series import Series  # noqa: E402
from deepar_container.training import fit, settings_for  # noqa: E402
from deepar_tiny import START, TINY, daily_cycle  # noqa: E402


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

    return fit(tiny_settings, tiny_series, "algo-1")


@pytest.fixture(scope="session")
def tiny_model(tiny_settings, tiny_weights):

    return ForecastModel(tiny_settings, tiny_weights)
