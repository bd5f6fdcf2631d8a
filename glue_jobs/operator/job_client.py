"""Starts the Glue jobs through AWS's API and waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from contracts.lake import locations
from contracts.lake.runs import run_key
from contracts.names import BUILD_SERIES, TELEMETRY_TO_PARQUET, Names
from contracts.times import utc_time
from glue_jobs.operator.arrivals import Arrivals
from glue_jobs.operator.errors import JobFailedError, NoEstateError
from glue_jobs.runs.run_record import RunRecord

POLL_SECONDS = 0.5
STATES_OF_SUCCESS = ("SUCCEEDED",)
STATES_OF_FAILURE = ("FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED")
PATIENCE_SECONDS = 120.0
"""Maximum wait of a start for another run to end: Glue counts a run for a moment after its end."""
DELIVERY_DELAY = timedelta(hours=1)
"""Time after which all arrivals have been delivered; Firehose buffers for at most 15 minutes."""


@dataclass(frozen=True)
class Window:
    """Input of a job run; None selects the default.

    Parameters
    ----------
    start, end
        Arrival window of ``telemetry_to_parquet``, ``[start, end)``: from the first hour with raw
        messages to an hour from now.
    cut
        First hour that ``build_series`` excludes from the training channel.
    max_quarantined_share
        Share above which a run of ``telemetry_to_parquet`` fails; the default is the job's own.
    options
        Other arguments of the job, by name.
    """

    start: datetime | None = None
    end: datetime | None = None
    cut: datetime | None = None
    max_quarantined_share: float | None = None
    options: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class FinishedRun:
    """A successful run.

    Parameters
    ----------
    seconds
        Execution time as measured by Glue.
    counts
        The job's counts.
    """

    job: str
    run_id: str
    seconds: int
    counts: dict[str, Any]


@dataclass(frozen=True)
class Watch:
    """Options for waiting for a run.

    Parameters
    ----------
    on_state
        Callback for the run's state, called at each poll.
    stop
        Event that stops the run.
    """

    on_state: Callable[[str], None] = lambda state: None
    stop: threading.Event = field(default_factory=threading.Event)


class JobClient:
    """Client for the jobs of one environment; it is thread-safe.

    Parameters
    ----------
    session
        ``boto3.Session``.
    """

    def __init__(self, session: Any, names: Names) -> None:
        self._glue = session.client("glue")
        self._s3 = session.client("s3")
        self.names = names
        self.arrivals = Arrivals(self._s3, names)

    def arguments(self, job: str, window: Window) -> dict[str, str]:
        """Return the arguments of a run, from names and the lake's layout.

        Raises
        ------
        JobFailedError
            There are no raw messages.
        """
        given = {
            f"--{name}": at.uri(self.names) for name, at in locations.JOB_LOCATIONS[job].items()
        }
        if job == TELEMETRY_TO_PARQUET:
            given["--start"] = iso(window.start or self.arrivals.first_hour())
            given["--end"] = iso(window.end or datetime.now(UTC) + timedelta(hours=1))
            if window.max_quarantined_share is not None:
                given["--max_quarantined_share"] = str(window.max_quarantined_share)
        elif job == BUILD_SERIES and window.cut is not None:
            given["--cut"] = iso(window.cut)
        return given | {f"--{name}": value for name, value in window.options.items()}

    def concurrent_runs(self, job: str) -> int:
        """Return the maximum number of concurrent runs of a job.

        Raises
        ------
        NoEstateError
            The job does not exist.
        """
        try:
            definition = self._glue.get_job(JobName=self.names.job(job))["Job"]
        except self._glue.exceptions.EntityNotFoundException:
            raise NoEstateError(f"the Glue job {self.names.job(job)}", self.names) from None
        allowed: int = definition.get("ExecutionProperty", {}).get("MaxConcurrentRuns", 1)
        return allowed

    def run(self, job: str, window: Window, watch: Watch | None = None) -> FinishedRun:
        """Run a job and wait for its end.

        Raises
        ------
        JobFailedError
            The job does not exist, or the run did not succeed.
        """
        watch = watch or Watch()
        run = self._wait(job, self._start(job, self.arguments(job, window), watch), watch)
        record = self.record(job, run["Id"])
        if record is None:
            raise JobFailedError(
                f"{self.names.job(job)} succeeded as {run['Id']}, but wrote no row to "
                f"{locations.RUNS.uri(self.names)}"
            )
        return FinishedRun(job, run["Id"], run["ExecutionTime"], record.job_result())

    def record(self, job: str, run_id: str) -> RunRecord | None:
        """Return the row of an ended run; None if the run did not write one."""
        run = self._glue.get_job_run(JobName=self.names.job(job), RunId=run_id)["JobRun"]
        day, last = (run[at].astimezone(UTC) for at in ("StartedOn", "LastModifiedOn"))
        while day.date() <= last.date():  # Glue starts the script some time after the run
            key = f"{locations.RUNS.prefix}{run_key(day, run_id)}"
            try:
                found = self._s3.get_object(
                    Bucket=self.names.bucket(locations.RUNS.purpose), Key=key
                )
            except self._s3.exceptions.NoSuchKey:
                day += timedelta(days=1)
            else:
                return RunRecord.from_parquet(found["Body"].read())
        return None

    def succeeded_since(self, job: str, since: datetime) -> set[tuple[str, str]]:
        """Return the arrival windows, as given to the runs, of successful runs since a time.

        A run that started before all arrivals of its window were delivered is left out.
        """
        done = set()
        for run in self._runs(job):
            if run["StartedOn"] < since:
                break
            start, end = (run.get("Arguments", {}).get(name) for name in ("--start", "--end"))
            if run["JobRunState"] not in STATES_OF_SUCCESS or not start or not end:
                continue
            if utc_time(end) + DELIVERY_DELAY <= run["StartedOn"]:
                done.add((start, end))
        return done

    def _runs(self, job: str) -> Iterator[dict[str, Any]]:
        """Return all runs of a job, newest first."""
        pages = self._glue.get_paginator("get_job_runs").paginate(JobName=self.names.job(job))
        for page in pages:
            yield from page["JobRuns"]

    def _start(self, job: str, arguments: dict[str, str], watch: Watch) -> str:
        name = self.names.job(job)
        self.concurrent_runs(job)  # raises if the job does not exist
        patience = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                run_id: str = self._glue.start_job_run(JobName=name, Arguments=arguments)[
                    "JobRunId"
                ]
            except self._glue.exceptions.ConcurrentRunsExceededException as error:
                if time.monotonic() > patience or watch.stop.is_set():
                    raise JobFailedError(f"{name} can't be started: {error}") from None
                time.sleep(POLL_SECONDS)
            except ClientError as error:
                raise JobFailedError(f"{name} can't be started: {error}") from None
            else:
                return run_id

    def _wait(self, job: str, run_id: str, watch: Watch) -> dict[str, Any]:
        name = self.names.job(job)
        stopping = False
        while True:
            run: dict[str, Any] = self._glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
            state = run["JobRunState"]
            watch.on_state(state)
            if state in STATES_OF_SUCCESS:
                return run
            if state in STATES_OF_FAILURE:
                group = run.get("LogGroupName", "/aws-glue/jobs")
                reason = " ".join(run.get("ErrorMessage", "no reason given").split())
                raise JobFailedError(
                    f"{name} ended as {state}: {reason} "
                    f"(CloudWatch log group {group}/error, stream {run_id})"
                )
            if watch.stop.is_set() and not stopping:
                stopping = True
                self._glue.batch_stop_job_run(JobName=name, JobRunIds=[run_id])
            time.sleep(POLL_SECONDS)


def iso(time: datetime) -> str:
    """Format a time for arguments of jobs and verbs."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
