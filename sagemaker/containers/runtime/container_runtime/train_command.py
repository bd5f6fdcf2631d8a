"""The ``train`` command of a container: runs the training and reports a failure."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Mapping

from container_runtime import metric_lines
from container_runtime.errors import CustomerError, HyperparameterError
from container_runtime.metric_lines import logger
from container_runtime.paths import ContainerPaths


def train(run: Callable[[ContainerPaths, Mapping[str, str]], None]) -> int:
    """Train, and return SageMaker's exit code: 0 for a completed job, 1 for a failed one.

    Parameters
    ----------
    run
        Function that trains on the channels with the job's hyperparameters and saves the artefact.
    """
    metric_lines.configure()
    paths = ContainerPaths.from_environment(os.environ)
    try:
        run(paths, _hyperparameters(paths))
    except CustomerError as error:
        logger.error("Customer Error: %s", error)
        paths.write_failure(f"Customer Error: {error}")
        return 1
    except Exception as error:
        logger.error("Algorithm Error: %s", traceback.format_exc())
        paths.write_failure(f"Algorithm Error: {type(error).__name__}: {error}")
        return 1
    return 0


def _hyperparameters(paths: ContainerPaths) -> Mapping[str, str]:
    try:
        given: dict[str, str] = json.loads(paths.hyperparameters.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HyperparameterError(f"{paths.hyperparameters.name}: {error}") from None
    return given
