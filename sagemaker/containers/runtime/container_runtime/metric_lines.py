"""Log lines in the shape that SageMaker's metric definitions of DeepAR look for.

``train:final_loss``, ``test:RMSE`` and ``test:mean_wQuantileLoss`` are found in them:
https://docs.aws.amazon.com/sagemaker/latest/dg/deepar-tuning.html
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

logger = logging.getLogger("forecast")


def configure() -> None:
    """Print lines as the algorithm does: ``[05/01/2024 12:00:00 INFO 17] message``."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        logging.Formatter(
            f"[%(asctime)s %(levelname)s {os.getpid()}] %(message)s", "%m/%d/%Y %H:%M:%S"
        )
    )
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def current_host(resource_config: Path) -> str:
    """Name of this host among those of the job, ``algo-1`` where nothing says."""
    if not resource_config.exists():
        return "algo-1"
    document = json.loads(resource_config.read_text(encoding="utf-8"))
    return str(document.get("current_host", "algo-1"))


def progress(host: str, share: float) -> None:
    """How far the training is, from 0 to 1."""
    logger.info("#progress_metric: host=%s, completed %.1f %% of epochs", host, 100 * share)


def epoch_loss(host: str, epoch: int, epochs: int, loss: float) -> None:
    """Mean loss of an epoch (counted from 0), and how far the training is."""
    progress(host, (epoch + 1) / epochs)
    loss_after(host, epoch, loss)


def loss_after(host: str, epoch: int, loss: float) -> None:
    """Mean loss of an epoch, counted from 0, or of what another algorithm has for epochs."""
    logger.info("#quality_metric: host=%s, epoch=%d, train loss <loss>=%r", host, epoch, loss)


def final_loss_of(host: str, category: int, loss: float) -> None:
    """The same as `final_loss`, of the series of one category: of one pollutant."""
    logger.info(
        "#quality_metric: host=%s, category=%d, train final_loss <loss>=%r", host, category, loss
    )


def final_loss(host: str, loss: float) -> None:
    """Loss of the weights that are kept."""
    logger.info("#quality_metric: host=%s, train final_loss <loss>=%r", host, loss)


def test_scores(host: str, scores: dict[str, float]) -> None:
    """Scores on the test channel."""
    for name, value in scores.items():
        logger.info("#test_score (%s, %s): %r", host, name, value)
    for name in ("mean_wQuantileLoss", "RMSE"):
        logger.info("#quality_metric: host=%s, test %s <loss>=%r", host, name, scores[name])
