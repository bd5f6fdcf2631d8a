"""One row a run of a Glue job: the table ``runs``, and what CloudWatch is told of it.

The rows lie in ``curated/runs/date=YYYY-MM-DD/<run id>.parquet``, by the day the run began (UTC).
"""

from __future__ import annotations

from datetime import UTC, datetime

COLUMNS = {
    "job": ("string", "one of the Glue jobs"),
    "run_id": ("string", "AWS Glue's id of the run"),
    "started": ("timestamp", "when the run began, UTC"),
    "seconds": ("double", "from then to its end"),
    "outcome": ("string", "succeeded or failed"),
    "error": ("string", "why it failed"),
    "window_start": ("timestamp", "begin of the arrival window, UTC; null where there is none"),
    "window_end": ("timestamp", "its end, UTC"),
    "read": ("bigint", "messages; the sum of kept, duplicates and quarantined"),
    "kept": ("bigint", "readings that are new in the lake"),
    "duplicates": ("bigint", "readings that came twice or were there"),
    "late": ("bigint", "readings that came after the day they were taken"),
    "quarantined": ("bigint", "messages that could not be read"),
    "quarantined_by_reason": ("map<string,bigint>", "the same by reason"),
    "counts": ("map<string,bigint>", "what other jobs count"),
    "details": ("map<string,string>", "what else they say"),
    "spark_version": ("string", "version of Spark"),
    "python_version": ("string", "version of Python"),
}
"""Columns of the table by name: Hive's type, and what it holds."""

SUCCEEDED, FAILED = "succeeded", "failed"

NAMESPACE = "Lakecast"
"""CloudWatch namespace of the metrics; their dimensions are ``environment`` and ``job``."""

METRICS = {
    "read": "Read",
    "kept": "Kept",
    "duplicates": "Duplicates",
    "late": "Late",
    "quarantined": "Quarantined",
}
"""Metric of each count. ``Quarantined`` also comes once a ``reason``, as a third dimension."""

SECONDS_METRIC = "Seconds"
RUNS_METRIC = "RunsSucceeded"
QUARANTINED_SHARE_METRIC = "QuarantinedShare"


def run_key(started: datetime, run_id: str) -> str:
    """Where below `contracts.lake.locations.RUNS` the row of a run lies."""
    return f"date={started.astimezone(UTC):%Y-%m-%d}/{run_id}.parquet"
