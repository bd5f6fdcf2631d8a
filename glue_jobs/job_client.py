"""Start the Glue jobs through AWS's API and wait for them: what ``make etl`` does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from contracts import lake
from contracts.names import TELEMETRY_TO_PARQUET, Names

POLL_SECONDS = 0.5
STATES_OF_SUCCESS = ("SUCCEEDED",)
STATES_OF_FAILURE = ("FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED")
HOUR_DEPTH = 4  # YYYY/MM/DD/HH


class JobFailedError(Exception):
    """A job can't be started or has failed; the message is one line that says why."""


@dataclass(frozen=True)
class Window:
    """What the jobs are to work on; None takes the default.

    Parameters
    ----------
    start, end
        Arrival window of ``telemetry_to_parquet``, ``[start, end)``: from the first hour with raw
        messages to an hour from now.
    cut
        First hour that ``build_series`` keeps out of the training channel.
    """

    start: datetime | None = None
    end: datetime | None = None
    cut: datetime | None = None


@dataclass(frozen=True)
class FinishedRun:
    """A run that succeeded.

    Parameters
    ----------
    seconds
        Execution time as Glue counts it.
    counts
        What the job counted.
    """

    job: str
    run_id: str
    seconds: int
    counts: dict[str, Any]


class JobClient:
    """The jobs of one environment.

    Parameters
    ----------
    session
        ``boto3.Session``.
    """

    def __init__(self, session: Any, names: Names) -> None:
        self._glue = session.client("glue")
        self._s3 = session.client("s3")
        self._names = names

    def arguments(self, job: str, window: Window) -> dict[str, str]:
        """Arguments of a run, by names and the lake's layout.

        Raises
        ------
        JobFailedError
            Where there is nothing to work on.
        """
        given = {f"--{name}": at.uri(self._names) for name, at in lake.JOB_LOCATIONS[job].items()}
        if job == TELEMETRY_TO_PARQUET:
            given["--start"] = _iso(window.start or self._first_arrival())
            given["--end"] = _iso(window.end or datetime.now(UTC) + timedelta(hours=1))
        elif window.cut is not None:
            given["--cut"] = _iso(window.cut)
        return given

    def run(self, job: str, window: Window, on_state: Callable[[str], None]) -> FinishedRun:
        """Run a job to its end.

        Parameters
        ----------
        on_state
            Told the run's state whenever it is asked for.

        Raises
        ------
        JobFailedError
            Where the job does not exist, or the run did not succeed.
        """
        name = self._names.job(job)
        try:
            self._glue.get_job(JobName=name)
            run_id = self._glue.start_job_run(JobName=name, Arguments=self.arguments(job, window))
        except self._glue.exceptions.EntityNotFoundException:
            raise JobFailedError(
                f"no estate here: the Glue job {name} does not exist in {self._names.region}; "
                f"say `make plan apply ENV={self._names.environment}` first"
            ) from None
        except ClientError as error:
            raise JobFailedError(f"{name} can't be started: {error}") from None
        finished = self._wait(name, run_id["JobRunId"], on_state)
        counts = self._counts(job, finished["Id"])
        return FinishedRun(job, finished["Id"], finished["ExecutionTime"], counts)

    def _wait(self, name: str, run_id: str, on_state: Callable[[str], None]) -> dict[str, Any]:
        while True:
            run: dict[str, Any] = self._glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
            state = run["JobRunState"]
            on_state(state)
            if state in STATES_OF_SUCCESS:
                return run
            if state in STATES_OF_FAILURE:
                group = run.get("LogGroupName", "/aws-glue/jobs")
                reason = " ".join(run.get("ErrorMessage", "no reason given").split())
                raise JobFailedError(
                    f"{name} ended as {state}: {reason} "
                    f"(CloudWatch log group {group}/error, stream {run_id})"
                )
            time.sleep(POLL_SECONDS)

    def _counts(self, job: str, run_id: str) -> dict[str, Any]:
        key = f"{lake.RUNS.prefix}{job}/{run_id}.json"
        body = self._s3.get_object(Bucket=self._names.bucket(lake.RUNS.purpose), Key=key)["Body"]
        counts: dict[str, Any] = json.loads(body.read())
        return counts

    def _first_arrival(self) -> datetime:
        """First hour that holds raw messages or errors; folders are named so that names sort."""
        found = [
            hour
            for place in (lake.RAW_TELEMETRY, lake.RAW_RULE_ERRORS)
            if (hour := self._first_hour(place)) is not None
        ]
        if not found:
            raise JobFailedError(
                f"there are no messages in {lake.RAW_TELEMETRY.uri(self._names)}; say "
                f"`make device ENV={self._names.environment}` first, and wait until Firehose has "
                "delivered"
            )
        return min(found)

    def _first_hour(self, place: lake.Location) -> datetime | None:
        prefix, parts = place.prefix, []
        for _ in range(HOUR_DEPTH):
            names = sorted(n for n in self._folders(place.purpose, prefix) if n.isdecimal())
            if not names:
                return None
            parts.append(int(names[0]))
            prefix = f"{prefix}{names[0]}/"
        year, month, day, hour = parts
        return datetime(year, month, day, hour, tzinfo=UTC)

    def _folders(self, purpose: str, prefix: str) -> Iterator[str]:
        bucket = self._names.bucket(purpose)
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, Delimiter="/"
        )
        try:
            for page in pages:
                for folder in page.get("CommonPrefixes", []):
                    yield folder["Prefix"].removeprefix(prefix).rstrip("/")
        except self._s3.exceptions.NoSuchBucket:
            raise JobFailedError(
                f"no estate here: the bucket {bucket} does not exist; say "
                f"`make plan apply ENV={self._names.environment}` first"
            ) from None


def _iso(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
