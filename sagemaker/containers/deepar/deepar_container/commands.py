"""What is DeepAR's own in the commands ``train`` and ``serve``."""

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
    """Train with the hyperparameters of a job."""
    hyperparameters = Hyperparameters.parse(given)
    settle()
    from deepar_container import training  # noqa: PLC0415  (seconds; bad settings fail before)

    training.run(paths, hyperparameters)


def load(folder: Path) -> DeepAR:
    """The model in a folder."""
    settle()
    from deepar_container.model import DeepAR  # noqa: PLC0415  (after the thread count)

    return DeepAR.load(folder)


def settle() -> None:
    """One thread, and no advice of libraries to their authors, before a network is built."""
    import torch  # noqa: PLC0415

    warnings.filterwarnings("ignore", module=r"(gluonts|lightning)\.")
    # More threads contend within one request (p99 of seconds instead of tens of milliseconds), and
    # small recurrent steps lose more on handing work over than a second thread gains.
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
