"""Base class of running jobs: a thread per job that always sets a final status."""

from __future__ import annotations

import logging
import re
import shutil
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts.names import job_log_group
from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.store import Record
from localcloud.services.sagemaker import artifacts, images
from localcloud.services.sagemaker.account import Role
from localcloud.services.sagemaker.container import Tree, command_environment
from localcloud.services.sagemaker.jobs import mounted
from localcloud.services.sagemaker.parts import Parts
from localcloud.services.sagemaker.process import Process
from localcloud.services.sagemaker.refusals import not_supported

logger = logging.getLogger(__name__)

ABANDONED = "InternalServerError: the local cloud was stopped while the job ran."
_REASON_CHARACTERS = 1024  # SageMaker's limit

Outcome = tuple[str, str | None]
"""Final status and failure reason."""


class JobRun(ABC):
    """A thread that runs one job and always sets a final status.

    Subclasses implement `work`.

    Parameters
    ----------
    word
        ``Training``, ``Processing`` or ``Transform``.
    role
        Role of the job, with whose permissions its data is read and written.
    slots
        Limit on concurrent jobs.
    """

    def __init__(
        self, word: str, name: str, role: Role, parts: Parts, slots: threading.BoundedSemaphore
    ) -> None:
        self.name = name
        self.word = word
        self.role = role
        self.parts = parts
        self.stopping = threading.Event()
        self.changed = threading.Event()  # stop requested or process ended
        self.abandoned = False
        self._slots = slots
        self.log_group = job_log_group(word)
        self._stream = f"{name}/algo-1-{int(time.time())}"
        home: Path = role.account.context.home / "sagemaker" / f"{self._kind}s" / name
        self.tree = Tree(home.absolute())
        self._thread = threading.Thread(target=self._run, name=f"{word}-{name}", daemon=True)

    @abstractmethod
    def work(self, job: Record) -> Outcome:
        """Does the job's work and returns the outcome.

        Raises
        ------
        ArtifactError, UnknownImageError, AwsError
            If the job failed.
        """

    def on_waiting(self) -> None:
        """Called when the job has to wait for other jobs."""
        self.log("[local cloud] waiting for other jobs of this kind to end")

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Requests that the job stop; it becomes Stopped."""
        self.parts.store.update(self._kind, self.name, self.change_to_stopping)
        self.stopping.set()
        self.changed.set()

    def abandon(self) -> None:
        """Stops the job because the cloud shuts down; it becomes Failed."""
        self.abandoned = True
        self.stopping.set()
        self.changed.set()

    def join(self) -> None:
        """Waits until the job has ended."""
        self._thread.join()

    def log(self, line: str) -> None:
        """Writes a line to the job's log."""
        self.parts.telemetry.log(self.log_group, self._stream, line)

    def update(self, **members: Any) -> None:
        """Sets members of the job's record."""

        def change(job: Record) -> None:
            job.update(members)
            job["LastModifiedTime"] = time.time()

        self.parts.store.update(self._kind, self.name, change)

    def run_script(
        self, script: Path, environment: Mapping[str, str], arguments: Sequence[str] = ()
    ) -> Process:
        """Starts a script of the image, with the job's folder in SAGEMAKER_BASE_DIR."""
        command = [str(self.role.account.context.python), str(script), *arguments]
        return self._start_process(command, environment)

    def run_command(self, job: Record, words: Sequence[str]) -> Process:
        """Starts a command of the request, which sees the job's folder as ``/opt/ml``."""
        python = self.role.account.context.python
        environment = command_environment(python, self.word, job, self.role.environment())
        return self._start_process(mounted.command(self.tree.base, words), environment)

    def on_line(self, line: str) -> None:
        """Called with each line of the process's output."""
        self.log(line)

    def _start_process(self, command: Sequence[str], environment: Mapping[str, str]) -> Process:
        return Process(
            command,
            self.tree.base,
            environment,
            on_line=self.on_line,
            on_end=self.changed.set,
        )

    def await_end(self, process: Process, seconds: float) -> tuple[int, bool]:
        """Waits for the process; returns its exit code and whether it exceeded its time limit."""
        in_time = self.changed.wait(seconds)
        code = process.exit_code
        if code is not None:
            return code, False
        grace = 0 if self.abandoned else self.parts.settings.stop_grace
        return process.stop(grace), not in_time

    def change_to_stopping(self, job: Record) -> None:
        """Sets the record's status to Stopping."""
        job[f"{self.word}JobStatus"] = "Stopping"
        job["LastModifiedTime"] = time.time()

    def end(self, job: Record, status: str, reason: str | None) -> None:
        """Sets the record's final status."""
        finish(job, self.word, status, reason)

    @property
    def _kind(self) -> str:
        return kind_of(self.word)

    def _run(self) -> None:
        try:
            status, reason = self._run_in_slot()
        except images.UnknownImageError as error:
            status, reason = "Failed", f"ClientError: Cannot pull the image: {error}"
        except artifacts.ArtifactError as error:
            status, reason = "Failed", f"ClientError: {error}"
        except AwsError as error:  # its role or its model was deleted in the meantime
            status, reason = "Failed", f"ClientError: {error.message}"
        except Exception as error:  # a defect in this code must not leave the job unfinished
            logger.exception("%s %s failed", self._kind, self.name)
            status, reason = "Failed", f"InternalServerError: {error}"
        if self.abandoned:
            status, reason = "Failed", ABANDONED
        self.parts.telemetry.flush()
        self.parts.store.update(self._kind, self.name, lambda job: self.end(job, status, reason))
        shutil.rmtree(self.tree.base, ignore_errors=True)

    def _run_in_slot(self) -> Outcome:
        if not self._slots.acquire(blocking=False):
            self.on_waiting()
            while not self._slots.acquire(timeout=0.2):
                if self.stopping.is_set():
                    return "Stopped", None
        try:
            job = self.parts.store.get(self._kind, self.name)
            if job is None:
                raise LookupError("the job record does not exist")
            return self.work(job)
        finally:
            self._slots.release()


def kind_of(word: str) -> str:
    """Returns the kind in a family's records and ARNs, such as ``hyper-parameter-tuning-job``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", f"{word}Job").lower()


def finish(job: Record, word: str, status: str, reason: str | None) -> None:
    """Sets a job's final status."""
    now = time.time()
    job[f"{word}JobStatus"] = status
    job[f"{word}EndTime"] = job["LastModifiedTime"] = now
    if reason:
        job["FailureReason"] = reason[:_REASON_CHARACTERS]


def check_entrypoint(member: str, entrypoint: Sequence[str]) -> None:
    """Refuses a ContainerEntrypoint if this system cannot run it."""
    problem = mounted.problem() if entrypoint else None
    if problem is not None:
        raise not_supported(f"{member} on this system ({problem})")


def failure(code: int, written: str, process: Process) -> str:
    """Returns SageMaker's FailureReason for a container that exited with an error."""
    message = written or "\n".join(process.last_lines)[-700:]
    return f"AlgorithmError: {message or 'no output'}, exit code: {code}"
