"""What SageMaker is to read from a training job's log: metrics by name and regular expression.

SageMaker knows the lines of its built-in algorithms and takes no definitions for them. Our own
containers log lines of the same shape (``container_runtime.metric_lines``), so a metric has one
name, whichever algorithm was trained:
https://docs.aws.amazon.com/sagemaker/latest/dg/define-train-metrics.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.messages.telemetry import POLLUTANTS

LOSS = "train:loss"
FINAL_LOSS = "train:final_loss"
TEST_LOSS = "test:mean_wQuantileLoss"
TEST_RMSE = "test:RMSE"
PROGRESS = "train:progress"

_QUALITY = r"#quality_metric: host=\S+, "
_LINES = {
    LOSS: _QUALITY + r"epoch=\S+, train loss <loss>=(\S+)",
    FINAL_LOSS: _QUALITY + r"train final_loss <loss>=(\S+)",
    TEST_LOSS: _QUALITY + r"test mean_wQuantileLoss <loss>=(\S+)",
    TEST_RMSE: _QUALITY + r"test RMSE <loss>=(\S+)",
    PROGRESS: r"#progress_metric: host=\S+, completed (\S+) %",
    **{
        f"{FINAL_LOSS}:category-{number}": (
            rf"{_QUALITY}category={number}, train final_loss <loss>=(\S+)"
        )
        for number in range(len(POLLUTANTS))
    },
}
_OWN_IMAGES: Mapping[str, Mapping[str, str]] = {"boosting": _LINES}


def metric_definitions(algorithm: str) -> list[dict[str, str]]:
    """``AlgorithmSpecification.MetricDefinitions``; none for a built-in algorithm."""
    lines = _OWN_IMAGES.get(algorithm, {})
    return [{"Name": name, "Regex": regex} for name, regex in lines.items()]


def algorithm_specification(algorithm: str, image: str) -> dict[str, Any]:
    """What a training job runs, and what is measured in its log."""
    definitions = metric_definitions(algorithm)
    return {
        "TrainingImage": image,
        "TrainingInputMode": "File",
        **({"MetricDefinitions": definitions} if definitions else {}),
    }
