"""DeepAR's part of the commands ``train`` and ``serve``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from container_runtime.paths import ContainerPaths

from deepar_container.hyperparameters import Hyperparameters

if TYPE_CHECKING:
    from deepar_container.model import DeepAR


def run(paths: ContainerPaths, given: Mapping[str, str]) -> None:
    """Train with a job's hyperparameters."""
    hyperparameters = Hyperparameters.parse(given)
    configure_torch()
    # takes seconds to import; invalid hyperparameters fail before
    from deepar_container import training  # noqa: PLC0415

    training.run(paths, hyperparameters)


def load(folder: Path) -> DeepAR:
    """Load the model in a folder."""
    configure_torch()
    from deepar_container.model import DeepAR  # noqa: PLC0415  (after the thread count)

    return DeepAR.load(folder)


def configure_torch() -> None:
    """Set one thread and silence the libraries' warnings; call before building a network."""
    import torch  # noqa: PLC0415

    warnings.filterwarnings("ignore", module=r"(gluonts|lightning)\.")
    # Several threads contend within one request (p99 of seconds instead of tens of milliseconds),
    # and for small recurrent steps the hand-over costs more than a second thread gains.
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
