"""Metrics in the log of a training job, by name and regular expression.

SageMaker parses the logs of its built-in algorithms itself and accepts no definitions for them. Our
own containers log lines of the same format (``container_runtime.metric_lines``), so a metric has
the same name for every algorithm:
https://docs.aws.amazon.com/sagemaker/latest/dg/define-train-metrics.html
"""

from __future__ import annotations

from contracts.messages.telemetry import POLLUTANTS

LOSS = "train:loss"
FINAL_LOSS = "train:final_loss"
TEST_LOSS = "test:mean_wQuantileLoss"
TEST_RMSE = "test:RMSE"
PROGRESS = "train:progress"

_QUALITY = r"#quality_metric: host=\S+, "
OWN_LINES = {
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
"""Metrics of our own containers."""

DEEPAR_LINES = {
    f"{LOSS}:batch": _QUALITY + r"epoch=\S+, batch=\S+ train loss <loss>=(\S+)",
    LOSS: _QUALITY + r"epoch=\S+, train loss <loss>=(\S+)",
    FINAL_LOSS: _QUALITY + r"train final_loss <loss>=(\S+)",
    PROGRESS: r"#progress_metric: host=\S+, completed (\S+) %",
    "train:throughput": r"#throughput_metric: host=\S+, train throughput=(\S+) records",
    TEST_RMSE: _QUALITY + r"test RMSE <loss>=(\S+)",
    TEST_LOSS: _QUALITY + r"test mean_wQuantileLoss <loss>=(\S+)",
}
"""Metrics that SageMaker itself reads from the log of its built-in DeepAR:
https://docs.aws.amazon.com/sagemaker/latest/dg/deepar-tuning.html"""
