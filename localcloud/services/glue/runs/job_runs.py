"""Serves StartJobRun, GetJobRun, GetJobRuns and BatchStopJobRun."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.store import Record, Store
from localcloud.services.glue import catalogue
from localcloud.services.glue.account import Account
from localcloud.services.glue.pages import page
from localcloud.services.glue.runs.job_run import ACTIVE, JobRun, finish

logger = logging.getLogger(__name__)

Request = dict[str, Any]

CONCURRENT_RUNS = 2  # over all jobs; a Spark driver needs a core and 1-2 GB
RUN_KIND = "job-run"
CUT_OFF = "the local cloud was stopped while the job ran; start the job again"
COMMANDS = ("glueetl", "pythonshell")


class JobRuns:
    """Runs of all jobs.

    Parameters
    ----------
    account
        Clients and role credentials.
    store
        Store of the runs' records.
    home
        Folder with one folder per run: its logs stay, its staged data is removed when it ends.
    """

    def __init__(self, account: Account, store: Store, home: Path) -> None:
        self._account = account
        self._store = store
        self._home = home
        self._slots = threading.BoundedSemaphore(CONCURRENT_RUNS)
        self._active: dict[str, JobRun] = {}
        self._starting = threading.Lock()

    def start(self) -> None:
        """Fails the runs that were active when the cloud last stopped, and deletes their data."""
        for run in self._store.all(RUN_KIND):
            if run["JobRunState"] in ACTIVE:
                self._store.update(RUN_KIND, run["Id"], lambda it: finish(it, "FAILED", CUT_OFF))
                shutil.rmtree(self._home / run["Id"] / "work", ignore_errors=True)

    def close(self) -> None:
        """Stops all runs; each becomes FAILED with the reason."""
        runs = list(self._active.values())
        for run in runs:
            run.end("FAILED", CUT_OFF)
        for run in runs:
            run.join()

    def forget(self, job: str) -> None:
        """Stops and deletes the runs of a job that is deleted."""
        for record in self._runs_of(job):
            run = self._active.get(record["Id"])
            if run is not None:
                run.end("STOPPED", "the job was deleted")
                run.join()
            self._store.delete(RUN_KIND, record["Id"])
            shutil.rmtree(self._home / record["Id"], ignore_errors=True)

    def start_job_run(self, request: Request) -> Request:
        name = request["JobName"]
        job = catalogue.job(name)
        if job["Command"]["Name"] not in COMMANDS:
            raise AwsError(
                "InvalidInputException",
                f"the local cloud runs {' and '.join(COMMANDS)} jobs; "
                f"{name} is {job['Command']['Name']}",
            )
        with self._starting:
            allowed = job["ExecutionProperty"]["MaxConcurrentRuns"]
            active = [run for run in self._runs_of(name) if run["JobRunState"] in ACTIVE]
            if len(active) >= allowed:
                raise AwsError(
                    "ConcurrentRunsExceededException",
                    f"Concurrent runs exceeded for {name}: {len(active)} active, {allowed} allowed",
                )
            record = _record(job, request, self._previous(request))
            self._store.put(RUN_KIND, record["Id"], record)
            run = JobRun(
                self._account,
                self._store,
                job,
                record,
                folder=self._home / record["Id"],
                slots=self._slots,
            )
            self._active[record["Id"]] = run
        run.start(lambda: self._active.pop(record["Id"], None))
        return {"JobRunId": record["Id"]}

    def get_job_run(self, request: Request) -> Request:
        return {"JobRun": self._run(request["JobName"], request["RunId"])}

    def get_job_runs(self, request: Request) -> Request:
        """Lists a job's runs, newest first."""
        catalogue.job(request["JobName"])
        return page("GetJobRuns", "JobRuns", self._runs_of(request["JobName"]), request)

    def batch_stop_job_run(self, request: Request) -> Request:
        job = request["JobName"]
        stopped, errors = [], []
        for run_id in request["JobRunIds"]:
            try:
                self._stop(job, run_id)
                stopped.append({"JobName": job, "JobRunId": run_id})
            except AwsError as error:
                detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
                errors.append({"JobName": job, "JobRunId": run_id, "ErrorDetail": detail})
        return {"SuccessfulSubmissions": stopped, "Errors": errors}

    def _stop(self, job: str, run_id: str) -> None:
        self._run(job, run_id)
        run = self._active.get(run_id)
        if run is None:
            raise AwsError("IllegalStateException", f"Job run {run_id} has already ended")
        run.end("STOPPED", "")

    def _run(self, job: str, run_id: str) -> Record:
        run = self._store.get(RUN_KIND, run_id)
        if run is None or run["JobName"] != job:
            raise AwsError("EntityNotFoundException", f"Job run {run_id} of {job} not found")
        return run

    def _runs_of(self, job: str) -> list[Record]:
        runs = [run for run in self._store.all(RUN_KIND) if run["JobName"] == job]
        return sorted(runs, key=lambda run: float(run["StartedOn"]), reverse=True)

    def _previous(self, request: Request) -> Record | None:
        """Returns the run that a request retries."""
        if "JobRunId" not in request:
            return None
        return self._run(request["JobName"], request["JobRunId"])


def _record(job: Record, request: Request, previous: Record | None) -> Record:
    previous_arguments = previous["Arguments"] if previous else {}
    now = time.time()
    record = {
        "Id": f"jr_{secrets.token_hex(32)}",
        "Attempt": previous["Attempt"] + 1 if previous else 0,
        "JobName": job["Name"],
        "StartedOn": now,
        "LastModifiedOn": now,
        "JobRunState": "STARTING",
        "JobMode": job["JobMode"],
        # Without the default arguments, which the job's definition holds.
        "Arguments": {**previous_arguments, **request.get("Arguments", {})},
        "PredecessorRuns": [],
        "ExecutionTime": 0,
        "Timeout": request.get("Timeout", job["Timeout"]),
        "GlueVersion": job["GlueVersion"],
        "LogGroupName": log_groups(job, request),
    }
    if previous:
        record["PreviousRunId"] = previous["Id"]
    for name in (
        "WorkerType",
        "NumberOfWorkers",
        "MaxCapacity",
        "SecurityConfiguration",
        "ExecutionClass",
        "NotificationProperty",
    ):
        value = request.get(name, job.get(name))
        if value is not None:
            record[name] = value
    record["AllocatedCapacity"] = int(record["MaxCapacity"])
    return record


def log_groups(job: Record, request: Record) -> str:
    """Returns the start of the log groups ``<start>/output`` and ``<start>/error``."""
    prefix: str = job.get("DefaultArguments", {}).get("--custom-logGroup-prefix", "/aws-glue/jobs")
    configuration = request.get("SecurityConfiguration", job.get("SecurityConfiguration"))
    if configuration is None:
        return prefix
    role = job["Role"].rpartition("/")[2]
    return f"{prefix}/{configuration}-role/{role}"
