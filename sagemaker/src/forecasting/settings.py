"""Settings of training and endpoint, out of an environment's TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.models.algorithms import ALGORITHMS
from forecasting.errors import ForecastingError


@dataclass(frozen=True)
class TrainingSettings:
    """How a training job is run.

    Parameters
    ----------
    algorithm
        What is trained where nothing else is asked for, one of `contracts.models.algorithms`.
    hyperparameters
        Of each algorithm, as the strings that SageMaker passes on.
    """

    algorithm: str
    instance_type: str
    max_runtime_seconds: int
    hyperparameters: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class EndpointSettings:
    """Instances behind the endpoint, per production variant."""

    instance_type: str
    initial_instance_count: int


@dataclass(frozen=True)
class RetrainingSettings:
    """On what a new version of the model is judged.

    Parameters
    ----------
    origins
        Days, the newest ones, that the gate judges on.
    instance_type
        What the evaluation's jobs run on.
    """

    origins: int
    instance_type: str


@dataclass(frozen=True)
class Settings:
    """What the commands need of an environment.

    Parameters
    ----------
    tracking_server
        Whether experiments are kept by SageMaker's managed MLflow.
    """

    training: TrainingSettings
    endpoint: EndpointSettings
    tags: Mapping[str, str]
    retraining: RetrainingSettings
    tracking_server: bool = False

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Read an environment's file.

        Raises
        ------
        ForecastingError
            The file, a section or a setting is missing.
        """
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ForecastingError(
                f"no settings at {path}; expected a file such as infra/environments/local.toml"
            ) from None
        except tomllib.TOMLDecodeError as error:
            raise ForecastingError(f"{path}: {error}") from None
        try:
            return cls(
                training=_training(document["training"]),
                endpoint=EndpointSettings(
                    instance_type=str(document["endpoint"]["instance_type"]),
                    initial_instance_count=int(document["endpoint"]["initial_instance_count"]),
                ),
                tags={
                    name.replace("_", "-"): str(value)
                    for name, value in document.get("tags", {}).items()
                },
                retraining=RetrainingSettings(
                    origins=int(document["retraining"]["origins"]),
                    instance_type=str(document["retraining"]["instance_type"]),
                ),
                tracking_server=bool(document.get("experiments", {}).get("tracking_server")),
            )
        except KeyError as error:
            raise ForecastingError(f"{path}: setting {error} is missing") from None


def _training(section: Mapping[str, Any]) -> TrainingSettings:
    return TrainingSettings(
        algorithm=str(section["algorithm"]),
        instance_type=str(section["instance_type"]),
        max_runtime_seconds=int(section["max_runtime_seconds"]),
        hyperparameters={
            algorithm: {name: str(value) for name, value in section[algorithm].items()}
            for algorithm in ALGORITHMS
        },
    )
