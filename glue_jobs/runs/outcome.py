"""Reports the outcome of a job run: a row in the table ``runs``, metrics, a line, the exit status.

Failed runs are reported too. A run with too large a share of unreadable messages fails at its very
end, after everything has been written, counted and reported. No data is lost, and whoever waits for
the run sees the failure.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pyspark

from contracts.lake.runs import FAILED, SUCCEEDED, run_key
from glue_jobs.errors import JobError, QuarantineError
from glue_jobs.lake.objects import put_object
from glue_jobs.runs.arguments import ReportArguments
from glue_jobs.runs.causes import cause_of
from glue_jobs.runs.metrics import put_metrics
from glue_jobs.runs.run_record import RunRecord, columns_of


def reported(
    job: str,
    arguments: ReportArguments,
    work: Callable[[], Mapping[str, Any]],
    window: tuple[datetime, datetime] | None = None,
) -> None:
    """Run a job's work and report its outcome.

    Parameters
    ----------
    work
        Function that does the work and returns counts for `glue_jobs.runs.run_record.columns_of`.
    window
        Arrival window ``[start, end)``.

    Raises
    ------
    QuarantineError
        Too large a share is in quarantine; raised after everything is written and reported.
    Exception
        The exception of ``work``, raised after it is reported.
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
        _report(record({}, cause_of(error)), arguments)
        raise
    run = record(counts)
    excess = quarantine_excess(run, arguments)
    _report(run if excess is None else record(counts, excess), arguments)
    if excess is not None:
        raise QuarantineError(excess)


def quarantine_excess(run: RunRecord, arguments: ReportArguments) -> str | None:
    """Return a message if too large a share of a run's messages is in quarantine, or None.

    A run that read fewer messages than ``least_messages`` passes, because one broken message of
    one says nothing about the others.
    """
    share, allowed = run.quarantined_share, arguments.max_quarantined_share
    if share is None or (run.read or 0) < arguments.least_messages or share <= allowed:
        return None
    reasons = sorted(run.quarantined_by_reason.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons)
    return (
        f"{run.quarantined} of {run.read} messages ({share:.1%}) are in quarantine, more than the "
        f"{allowed:.1%} allowed: {listed}. All others are in the lake; "
        "docs/runbooks/quarantine.md describes how to inspect them"
    )


def run_job(main: Callable[[list[str]], None]) -> None:
    """Run a job's main function; an error ends it with one line that names the cause.

    AWS Glue shows the last line of a failed run. Of an unexpected error, a traceback precedes it.
    """
    try:
        main(sys.argv)
    except (JobError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except Exception as error:
        traceback.print_exc()
        sys.exit(cause_of(error))


def _report(run: RunRecord, arguments: ReportArguments) -> None:
    put_object(f"{arguments.runs}{run_key(run.started, run.run_id)}", run.to_parquet())
    print(
        json.dumps({"job": run.job, "outcome": run.outcome, **run.job_result()}, allow_nan=False),
        flush=True,
    )
    put_metrics(run, arguments.environment, arguments.metrics_namespace)
