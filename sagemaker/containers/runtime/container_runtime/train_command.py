"""The ``train`` command of a container: runs the training and reports a failure."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping

from container_runtime import metric_lines
from container_runtime.errors import CustomerError, HyperparameterError, shown
from container_runtime.metric_lines import logger
from container_runtime.paths import ContainerPaths
from contracts.json_text import parsed


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
    name = paths.hyperparameters.name
    try:
        given = parsed(paths.hyperparameters.read_bytes())
    except (OSError, ValueError) as error:
        raise HyperparameterError(f"{name}: {error}") from None
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise HyperparameterError(
            f"{name} must be an object of texts, as SageMaker writes it; got {shown(given)}"
        )
    return given
