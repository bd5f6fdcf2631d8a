"""What the container's ``serve`` does: load the model, then answer until it is stopped."""

from __future__ import annotations

import os
import pickle
import warnings

import torch
import uvicorn

from deepar_container import metric_lines
from deepar_container.metric_lines import logger
from deepar_container.paths import ContainerPaths


def main() -> int:
    """Serve on ``SAGEMAKER_BIND_HOST`` and ``SAGEMAKER_BIND_TO_PORT``; 1 without a model."""
    metric_lines.configure()
    warnings.filterwarnings("ignore", module=r"(gluonts|lightning)\.")  # advice to their authors
    # more threads contend within one request: p99 of seconds instead of tens of milliseconds
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    from deepar_container.model import ForecastModel  # noqa: PLC0415  (after the thread count)
    from deepar_container.server import application  # noqa: PLC0415

    folder = ContainerPaths.from_environment(os.environ).model
    try:
        app = application(ForecastModel.load(folder), os.environ)
    except (OSError, ValueError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
        logger.error("no model can be served from %s: %s", folder, error)
        return 1
    logger.info("serving the model in %s", folder)
    uvicorn.run(
        app,
        host=os.environ.get("SAGEMAKER_BIND_HOST", "127.0.0.1"),
        port=int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")),
        log_level="warning",
    )
    return 0
