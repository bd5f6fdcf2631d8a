"""One job on its way, in a thread of its own: what becomes of it, whatever happens."""

from __future__ import annotations

import logging
import re
import shutil
import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.store import Record
from localcloud.services.sagemaker import artifacts, images
from localcloud.services.sagemaker.account import Role
from localcloud.services.sagemaker.container import Process, Tree
from localcloud.services.sagemaker.parts import Parts

logger = logging.getLogger(__name__)

ABANDONED = "InternalServerError: the local cloud was stopped while the job ran."
_REASON_CHARACTERS = 1024  # SageMaker's limit

Outcome = tuple[str, str | None]
"""Final status and failure reason."""


class JobRun(ABC):
    """A thread that takes one job to a final state; it always ends with one.

    A family of jobs says what the work is in `work`.

    Parameters
    ----------
    word
        ``Training``, ``Processing`` or ``Transform``.
    role
        The job's role: its data is read and written with the role's rights.
    slots
        How many jobs may run at a time.
    """

    def __init__(
        self, word: str, name: str, role: Role, parts: Parts, slots: threading.BoundedSemaphore
    ) -> None:
        self.name = name
        self.word = word
        self.role = role
        self.parts = parts
        self.stopping = threading.Event()
        self.changed = threading.Event()  # it is to stop, or its process has ended
        self.abandoned = False
        self._slots = slots
        self.log_group = f"/aws/sagemaker/{word}Jobs"
        self._stream = f"{name}/algo-1-{int(time.time())}"
        home: Path = role.account.context.home / "sagemaker" / f"{self._kind}s" / name
        self.tree = Tree(home.absolute())
        self._thread = threading.Thread(target=self._run, name=f"{word}-{name}", daemon=True)

    @abstractmethod
    def work(self, job: Record) -> Outcome:
        """Do the job.

        Raises
        ------
        ArtifactError, UnknownImageError, AwsError
            Which make it a failed job.
        """

    def waits(self) -> None:
        """Told when other jobs have to end first."""
        self.log("[local cloud] waiting until fewer such jobs run on this machine")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the job to end; it becomes Stopped."""
        self.parts.store.update(self._kind, self.name, self.change_to_stopping)
        self.stopping.set()
        self.changed.set()

    def abandon(self) -> None:
        """End the job because the cloud goes down; it becomes Failed."""
        self.abandoned = True
        self.stopping.set()
        self.changed.set()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def log(self, line: str) -> None:
        """Put a line into the job's log."""
        self.parts.telemetry.log(self.log_group, self._stream, line)

    def update(self, **members: Any) -> None:
        """Set members of the job's record."""

        def change(job: Record) -> None:
            job.update(members)
            job["LastModifiedTime"] = time.time()

        self.parts.store.update(self._kind, self.name, change)

    def await_end(self, process: Process, seconds: float) -> tuple[int, bool]:
        """Exit code of the job's process, and whether it ran longer than it may."""
        in_time = self.changed.wait(seconds)
        code = process.exit_code
        if code is not None:
            return code, False
        grace = 0 if self.abandoned else self.parts.settings.stop_grace
        return process.stop(grace), not in_time

    def change_to_stopping(self, job: Record) -> None:
        """Say in the record that the job is to end."""
        job[f"{self.word}JobStatus"] = "Stopping"
        job["LastModifiedTime"] = time.time()

    def end(self, job: Record, status: str, reason: str | None) -> None:
        """Give the record its final state."""
        finish(job, self.word, status, reason)

    @property
    def _kind(self) -> str:
        return kind_of(self.word)

    def _run(self) -> None:
        try:
            status, reason = self._through()
        except images.UnknownImageError as error:
            status, reason = "Failed", f"ClientError: Cannot pull the image: {error}"
        except artifacts.ArtifactError as error:
            status, reason = "Failed", f"ClientError: {error}"
        except AwsError as error:  # its role or its model was taken away meanwhile
            status, reason = "Failed", f"ClientError: {error.message}"
        except Exception as error:  # a job must not hang because of a fault in here
            logger.exception("%s %s failed", self._kind, self.name)
            status, reason = "Failed", f"InternalServerError: {error}"
        if self.abandoned:
            status, reason = "Failed", ABANDONED
        self.parts.telemetry.flush()
        self.parts.store.update(self._kind, self.name, lambda job: self.end(job, status, reason))
        shutil.rmtree(self.tree.base, ignore_errors=True)

    def _through(self) -> Outcome:
        if not self._slots.acquire(blocking=False):
            self.waits()
            while not self._slots.acquire(timeout=0.2):
                if self.stopping.is_set():
                    return "Stopped", None
        try:
            job = self.parts.store.get(self._kind, self.name)
            if job is None:
                raise LookupError("the job's record is gone")
            return self.work(job)
        finally:
            self._slots.release()


def kind_of(word: str) -> str:
    """Kind of a family's records and ARNs: ``hyper-parameter-tuning-job``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", f"{word}Job").lower()


def finish(job: Record, word: str, status: str, reason: str | None) -> None:
    """Give a job its final state."""
    now = time.time()
    job[f"{word}JobStatus"] = status
    job[f"{word}EndTime"] = job["LastModifiedTime"] = now
    if reason:
        job["FailureReason"] = reason[:_REASON_CHARACTERS]


def failure(code: int, written: str, process: Process) -> str:
    """SageMaker's FailureReason of a container that exited with an error."""
    said = written or "\n".join(process.last_lines)[-700:]
    return f"AlgorithmError: {said or 'no output'}, exit code: {code}"
