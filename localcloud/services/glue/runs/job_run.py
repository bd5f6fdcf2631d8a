"""Runs a job once: fetches its inputs, runs the script, uploads its output, records the result."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.cloud.store import Record, Store
from localcloud.services.glue.account import Account
from localcloud.services.glue.runs.log_streams import LogFile
from localcloud.services.glue.runs.script_process import ScriptProcess, prepare
from localcloud.services.glue.staging import CommitLostError, Staging, StagingError
from localcloud.services.iam.roles import RoleError

logger = logging.getLogger(__name__)

ACTIVE = ("STARTING", "RUNNING", "STOPPING", "WAITING")
RUN_KIND = "job-run"
LOG_INTERVAL = 1.0  # seconds between batches of log lines
ATTEMPTS = 5  # of a script that loses commits to other runs; on AWS the script itself would retry


class JobRun:
    """A thread that takes one run through its states and always sets a final one.

    Parameters
    ----------
    job, record
        Definition of the job, and record of the run in the store.
    folder
        Folder of the run: ``output.log`` and ``error.log`` stay, ``work/`` is removed.
    slots
        Limit on concurrent runs.
    """

    def __init__(
        self,
        account: Account,
        store: Store,
        job: Record,
        record: Record,
        *,
        folder: Path,
        slots: threading.BoundedSemaphore,
    ) -> None:
        self._account = account
        self._store = store
        self._job = job
        self._id: str = record["Id"]
        self._record = record
        self._folder = folder
        self._slots = slots
        self._lock = threading.Lock()
        self._forced_result: tuple[str, str] | None = None
        self._stop_requested = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name=f"glue-{self._id}", daemon=True)
        self._when_done: Callable[[], object] = lambda: None

    def start(self, when_done: Callable[[], object]) -> None:
        """Starts the run; calls ``when_done`` after the final state is stored."""
        self._when_done = when_done
        self._thread.start()

    def end(self, state: str, message: str) -> None:
        """Stops the run and sets its final state."""
        with self._lock:
            if self._forced_result is None:
                self._forced_result = state, message
                self._update(lambda run: run.update(JobRunState="STOPPING"))
            self._stop_requested.set()
            self._kill()

    def join(self) -> None:
        """Waits until the run has ended."""
        self._thread.join()

    def _run(self) -> None:
        try:
            state, message = self._run_in_slot()
        except (StagingError, RoleError) as error:
            state, message = "FAILED", str(error)
        except (ClientError, BotoCoreError, OSError) as error:
            state, message = "FAILED", f"{type(error).__name__}: {error}"
        except Exception as error:  # a defect in this code must not leave the run unfinished
            logger.exception("run %s failed", self._id)
            state, message = "FAILED", f"internal error of the local cloud: {error}"
        if self._forced_result is not None:
            state, message = self._forced_result
        shutil.rmtree(self._folder / "work", ignore_errors=True)
        self._update(lambda run: finish(run, state, message))
        self._when_done()

    def _run_in_slot(self) -> tuple[str, str]:
        """Runs the job when a slot is free; returns the final state and the error message."""
        while not self._slots.acquire(timeout=0.1):
            if self._stop_requested.is_set():
                return "STOPPED", ""
        try:
            return self._run_job()
        finally:
            self._slots.release()

    def _run_job(self) -> tuple[str, str]:
        work = self._folder / "work"
        work.mkdir(parents=True)
        credentials = self._account.assume(self._job["Role"])
        s3 = self._account.client("s3", credentials)
        script = prepare(self._account.context, self._job, self._record, credentials, work)
        logs, prefix = self._account.client("logs"), self._record["LogGroupName"]
        output, error = (
            LogFile(logs, self._folder / f"{kind}.log", f"{prefix}/{kind}", self._id)
            for kind in ("output", "error")
        )
        began = time.time()
        for attempt in range(1, ATTEMPTS + 1):
            staging = Staging(s3, work / f"s3-{attempt}")
            command = script.fetch(s3, staging)
            self._update(lambda run: run.update(JobRunState="RUNNING", LastModifiedOn=began))
            code = self._supervise(script, command, (output, error))
            if self._stop_requested.is_set():
                return "STOPPED", ""
            try:
                staging.put_back()  # after a failure, too: on AWS the output so far would be in S3
            except CommitLostError as lost:
                # Also retries a failed script, because it may have failed after its commit.
                if attempt == ATTEMPTS:
                    raise
                error.add_line(f"{lost}; running the script again on the current data")
                shutil.rmtree(work / f"s3-{attempt}")
                continue
            if code != 0:
                return "FAILED", staging.in_s3_terms(script.failure(code))
            return "SUCCEEDED", ""
        raise AssertionError("the last attempt returns or raises")

    def _supervise(
        self, script: ScriptProcess, command: list[str], streams: tuple[LogFile, LogFile]
    ) -> int:
        """Runs the script until it ends or times out; returns its exit code."""
        deadline = time.monotonic() + 60 * self._record["Timeout"]
        with streams[0].path.open("ab") as out, streams[1].path.open("ab") as err, self._lock:
            if self._forced_result is not None:
                return 1
            self._process = process = subprocess.Popen(
                command,
                cwd=script.folder,
                env=script.environment,
                stdin=subprocess.PIPE,  # closes when this process ends; see localcloud.cloud.leash
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        try:
            while True:
                try:
                    return process.wait(timeout=LOG_INTERVAL)
                except subprocess.TimeoutExpired:
                    for stream in streams:
                        stream.send()
                if time.monotonic() > deadline:
                    self.end("TIMEOUT", "Job run exceeded its timeout")
        finally:
            self._kill()  # ends processes that the script started
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
            for stream in streams:
                stream.send(everything=True)

    def _kill(self) -> None:
        """Kills the script and all processes that it started."""
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):  # all have already ended
                os.killpg(process.pid, signal.SIGKILL)

    def _update(self, change: Callable[[Record], None]) -> None:
        self._store.update(RUN_KIND, self._id, change)


def finish(run: Record, state: str, message: str) -> None:
    """Sets a run's final state."""
    now = time.time()
    run["JobRunState"] = state
    if message:
        run["ErrorMessage"] = message
    # AWS bills from RUNNING on, so the time of a run that never started running is zero.
    began = run["LastModifiedOn"] if run["LastModifiedOn"] != run["StartedOn"] else now
    run["ExecutionTime"] = round(now - began)
    run["CompletedOn"] = run["LastModifiedOn"] = now
