"""What a job says at its end: a row in the table ``runs``, metrics, a line, and how it ended.

All of it is said of runs that fail, too. A run that read too much that it could not understand is
failed at the very end, when everything has been written, counted and said: nothing is lost by it,
and whoever waits for the run learns of it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pyspark

from contracts.lake.runs import FAILED, SUCCEEDED, run_key
from glue_jobs.errors import JobError, QuarantineError
from glue_jobs.lake.objects import put_object
from glue_jobs.runs.arguments import ReportArguments
from glue_jobs.runs.metrics import put_metrics
from glue_jobs.runs.run_record import RunRecord, columns_of


def reported(
    job: str,
    arguments: ReportArguments,
    work: Callable[[], Mapping[str, Any]],
    window: tuple[datetime, datetime] | None = None,
) -> None:
    """Do a job's work and say how it went.

    Parameters
    ----------
    work
        Gives what it counted, in the terms of `glue_jobs.runs.run_record.columns_of`.
    window
        Arrival window ``[start, end)``.

    Raises
    ------
    QuarantineError
        After all has been written and said.
    Exception
        What ``work`` raised, after it was said.
    """
    started, began = datetime.now(UTC), time.monotonic()

    def record(counts: Mapping[str, Any], error: str | None = None) -> RunRecord:
        return RunRecord(
            job=job,
            run_id=arguments.run_id,
            started=started,
            seconds=round(time.monotonic() - began, 3),
            outcome=SUCCEEDED if error is None else FAILED,
            error=error,
            window_start=window[0] if window else None,
            window_end=window[1] if window else None,
            spark_version=pyspark.__version__,
            **columns_of(counts),
        )

    try:
        counts = work()
    except Exception as error:
        said = str(error).partition("\n")[0]  # Java's stack follows
        _say(record({}, f"{type(error).__name__}: {said}"), arguments)
        raise
    run = record(counts)
    excess = quarantine_excess(run, arguments)
    _say(run if excess is None else record(counts, excess), arguments)
    if excess is not None:
        raise QuarantineError(excess)


def quarantine_excess(run: RunRecord, arguments: ReportArguments) -> str | None:
    """What is wrong where too large a share of a run's messages is in quarantine, or None.

    A run that read fewer messages than ``least_messages`` passes: one broken message of one is no
    sign of anything.
    """
    share, allowed = run.quarantined_share, arguments.max_quarantined_share
    if share is None or (run.read or 0) < arguments.least_messages or share <= allowed:
        return None
    reasons = sorted(run.quarantined_by_reason.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons)
    return (
        f"{run.quarantined} of {run.read} messages ({share:.1%}) are in quarantine, more than the "
        f"{allowed:.1%} allowed: {listed}. All others are in the lake; "
        "docs/runbooks/quarantine.md says how to look"
    )


def run_job(main: Callable[[list[str]], None]) -> None:
    """Run a job's main function; what can be foreseen ends it with one line, not a traceback."""
    try:
        main(sys.argv)
    except (JobError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _say(run: RunRecord, arguments: ReportArguments) -> None:
    put_object(f"{arguments.runs}{run_key(run.started, run.run_id)}", run.to_parquet())
    print(json.dumps({"job": run.job, "outcome": run.outcome, **run.said()}), flush=True)
    put_metrics(run, arguments.environment, arguments.metrics_namespace)
