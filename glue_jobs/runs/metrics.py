"""CloudWatch metrics of a run: one per count, and its duration."""

from __future__ import annotations

from typing import Any

import boto3

from contracts.lake.runs import METRICS, QUARANTINED_SHARE_METRIC, RUNS_METRIC, SECONDS_METRIC
from glue_jobs.runs.run_record import RunRecord


def metric_data(run: RunRecord, environment: str) -> list[dict[str, Any]]:
    """Return the metrics of a run in PutMetricData's form.

    ``RunsSucceeded`` is 1 or 0, so that its sum is the number of successful runs. A share is
    published only if messages were read, because an idle hour has none.
    """

    def datum(name: str, value: float, unit: str, **more: str) -> dict[str, Any]:
        dimensions = {"environment": environment, "job": run.job, **more}
        return {
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": word} for key, word in dimensions.items()],
            "Timestamp": run.started,
            "Value": float(value),
            "Unit": unit,
        }

    data = [
        datum(RUNS_METRIC, run.succeeded, "Count"),
        datum(SECONDS_METRIC, run.seconds, "Seconds"),
    ]
    for column, metric in METRICS.items():
        if (value := getattr(run, column)) is not None:
            data.append(datum(metric, value, "Count"))
    for reason, count in run.quarantined_by_reason.items():
        data.append(datum(METRICS["quarantined"], count, "Count", reason=reason))
    if (share := run.quarantined_share) is not None:
        data.append(datum(QUARANTINED_SHARE_METRIC, share, "None"))
    return data


def put_metrics(run: RunRecord, environment: str, namespace: str) -> None:
    """Publish the metrics of a run in one call, which accepts up to a thousand."""
    boto3.client("cloudwatch").put_metric_data(
        Namespace=namespace, MetricData=metric_data(run, environment)
    )
