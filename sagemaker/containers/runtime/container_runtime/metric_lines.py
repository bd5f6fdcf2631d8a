"""Writes log lines in the format that SageMaker's metric definitions for DeepAR match.

They yield ``train:final_loss``, ``test:RMSE`` and ``test:mean_wQuantileLoss``:
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
    """Format log lines as the algorithm does: ``[05/01/2024 12:00:00 INFO 17] message``."""
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
    """Return this host's name in the job; ``algo-1`` without a resource configuration."""
    if not resource_config.exists():
        return "algo-1"
    document = json.loads(resource_config.read_text(encoding="utf-8"))
    return str(document.get("current_host", "algo-1"))


def progress(host: str, share: float) -> None:
    """Log the share of the training that is done, from 0 to 1."""
    logger.info("#progress_metric: host=%s, completed %.1f %% of epochs", host, 100 * share)


def epoch_loss(host: str, epoch: int, epochs: int, loss: float) -> None:
    """Log the mean loss of an epoch (counted from 0) and the training's progress."""
    progress(host, (epoch + 1) / epochs)
    loss_after(host, epoch, loss)


def loss_after(host: str, epoch: int, loss: float) -> None:
    """Log the mean loss of an epoch, or of another algorithm's training stage, counted from 0."""
    logger.info("#quality_metric: host=%s, epoch=%d, train loss <loss>=%r", host, epoch, loss)


def final_loss_of(host: str, category: int, loss: float) -> None:
    """Log the final loss of the series of one category, that is, one pollutant."""
    logger.info(
        "#quality_metric: host=%s, category=%d, train final_loss <loss>=%r", host, category, loss
    )


def final_loss(host: str, loss: float) -> None:
    """Log the loss of the saved weights."""
    logger.info("#quality_metric: host=%s, train final_loss <loss>=%r", host, loss)


def test_scores(host: str, scores: dict[str, float]) -> None:
    """Log the scores on the test channel."""
    for name, value in scores.items():
        logger.info("#test_score (%s, %s): %r", host, name, value)
    for name in ("mean_wQuantileLoss", "RMSE"):
        logger.info("#quality_metric: host=%s, test %s <loss>=%r", host, name, scores[name])
