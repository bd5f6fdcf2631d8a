"""Boosting's part of the commands ``train`` and ``serve``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from container_runtime.paths import ContainerPaths

from boosting_container.hyperparameters import Hyperparameters

if TYPE_CHECKING:
    from boosting_container.model import Boosting


def run(paths: ContainerPaths, given: Mapping[str, str]) -> None:
    """Train with a job's hyperparameters."""
    hyperparameters = Hyperparameters.parse(given)
    # takes a second to import; invalid hyperparameters fail before
    from boosting_container import training  # noqa: PLC0415

    training.run(paths, hyperparameters)


def load(folder: Path) -> Boosting:
    """Load the model in a folder."""
    from boosting_container.model import Boosting  # noqa: PLC0415

    return Boosting.load(folder)
