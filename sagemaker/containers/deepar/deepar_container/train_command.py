"""What the container's ``train`` does, and how it fails."""

from __future__ import annotations

import json
import os
import traceback
import warnings

import torch

from deepar_container import metric_lines
from deepar_container.errors import CustomerError, HyperparameterError
from deepar_container.hyperparameters import Hyperparameters
from deepar_container.metric_lines import logger
from deepar_container.paths import ContainerPaths


def main() -> int:
    """Train; the exit code is SageMaker's: 0 for a completed job, else a failed one."""
    metric_lines.configure()
    warnings.filterwarnings("ignore", module=r"(gluonts|lightning)\.")  # advice to their authors
    paths = ContainerPaths.from_environment(os.environ)
    try:
        hyperparameters = _read_hyperparameters(paths)
        # small recurrent steps lose more on handing work over than a second thread gains
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        from deepar_container import training  # noqa: PLC0415  (seconds; bad settings fail before)

        training.run(paths, hyperparameters)
    except CustomerError as error:
        logger.error("Customer Error: %s", error)
        paths.write_failure(f"Customer Error: {error}")
        return 1
    except Exception as error:
        logger.error("Algorithm Error: %s", traceback.format_exc())
        paths.write_failure(f"Algorithm Error: {type(error).__name__}: {error}")
        return 1
    return 0


def _read_hyperparameters(paths: ContainerPaths) -> Hyperparameters:
    try:
        given = json.loads(paths.hyperparameters.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HyperparameterError(f"{paths.hyperparameters.name}: {error}") from None
    return Hyperparameters.parse(given)
