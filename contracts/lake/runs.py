"""The table ``runs``, one row per run of a Glue job, and the CloudWatch metrics of a run.

The rows lie in ``curated/runs/date=YYYY-MM-DD/<run id>.parquet``, by the day the run started (UTC).
"""

from __future__ import annotations

from datetime import UTC, datetime

SUCCEEDED, FAILED = "succeeded", "failed"

NAMESPACE = "Lakecast"
"""CloudWatch namespace of the metrics; their dimensions are ``environment`` and ``job``."""

METRICS = {
    "read": "Read",
    "kept": "Kept",
    "duplicates": "Duplicates",
    "merged": "Merged",
    "conflicts": "Conflicts",
    "rejected": "Rejected",
    "late": "Late",
    "quarantined": "Quarantined",
}
"""Metric of each count. ``Quarantined`` is also put per ``reason``, as a third dimension."""

SECONDS_METRIC = "Seconds"
RUNS_METRIC = "RunsSucceeded"
QUARANTINED_SHARE_METRIC = "QuarantinedShare"


def run_key(started: datetime, run_id: str) -> str:
    """Returns the key of a run's row below `contracts.lake.locations.RUNS`."""
    return f"date={started.astimezone(UTC):%Y-%m-%d}/{run_id}.parquet"
