"""The ``serve`` command of a container: loads the model and serves it until it is stopped."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import uvicorn
from container_runtime import metric_lines
from container_runtime.metric_lines import logger
from container_runtime.paths import ContainerPaths

from forecast_format.forecasts import ForecastModel
from forecast_format.server import application


def serve(load: Callable[[Path], ForecastModel]) -> int:
    """Serve on ``SAGEMAKER_BIND_HOST`` and ``SAGEMAKER_BIND_TO_PORT``; return 1 without a model.

    Parameters
    ----------
    load
        Function that reads the artefact in a folder.
    """
    metric_lines.configure()
    folder = ContainerPaths.from_environment(os.environ).model
    try:
        app = application(load(folder), os.environ)
    except (OSError, ValueError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
        logger.error("the model in %s cannot be served: %s", folder, error)
        return 1
    logger.info("serving the model in %s", folder)
    uvicorn.run(
        app,
        host=os.environ.get("SAGEMAKER_BIND_HOST", "127.0.0.1"),
        port=int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")),
        log_level="warning",
    )
    return 0
