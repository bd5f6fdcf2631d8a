"""Records and runs of all families of jobs.

SageMaker names the members of all families alike: ``TrainingJobName``, ``ProcessingJobName`` and so
on. One class therefore serves them all, parameterised by the word that differs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.cloud.store import Record
from localcloud.services.sagemaker.jobs.job_run import JobRun, finish, kind_of
from localcloud.services.sagemaker.listing import Order, page
from localcloud.services.sagemaker.parts import Parts
from localcloud.services.sagemaker.refusals import already_exists, not_found, validation

RUNNING = ("InProgress", "Stopping")
_INTERRUPTED = (
    "InternalServerError: the local cloud was stopped while the job ran; "
    "start it again under another name."
)


@dataclass(frozen=True)
class Family:
    """A family of jobs.

    Parameters
    ----------
    word
        ``Training``, ``Processing``, ``Transform`` or ``HyperParameterTuning``.
    echoed
        Members of the Create request that Describe returns unchanged.
    order
        Order of the List operation.
    """

    word: str
    echoed: Sequence[str]
    order: Order

    @property
    def kind(self) -> str:
        """Kind in records and ARNs, such as ``training-job``."""
        return kind_of(self.word)

    def member(self, what: str) -> str:
        """Returns a member's full name, such as ``TrainingJobName`` for ``Name``."""
        return f"{self.word}Job{what}"


class Jobs:
    """All jobs of one family, with their runs.

    Parameters
    ----------
    concurrent
        Maximum number of running jobs; others wait.
    end
        Function of job, word, status and reason that sets a job's final status.
    """

    def __init__(
        self,
        family: Family,
        parts: Parts,
        concurrent: int,
        end: Callable[[Record, str, str, str | None], None] = finish,
    ) -> None:
        self._end = end
        self.slots = threading.BoundedSemaphore(concurrent)
        self._family = family
        self._account = parts.account
        self._store = parts.store
        self._tags = parts.tags
        self._runs: dict[str, JobRun] = {}

    def create(
        self, request: dict[str, Any], members: Record, new_run: Callable[[str], JobRun]
    ) -> dict[str, Any]:
        """Stores and starts a job, and returns the response to Create.

        Parameters
        ----------
        members
            Members of the job's record in addition to the request's.
        new_run
            Function that makes a run from the job's name.
        """
        family, now = self._family, time.time()
        name = request[family.member("Name")]
        arn = self._account.arn(family.kind, name)
        record = {
            **{member: request[member] for member in family.echoed if member in request},
            family.member("Name"): name,
            family.member("Arn"): arn,
            family.member("Status"): "InProgress",
            "CreationTime": now,
            "LastModifiedTime": now,
            **members,
        }
        with self._store.lock:
            if self._store.get(family.kind, name):
                raise already_exists(family.kind, arn)
            self._store.put(family.kind, name, record)
            self._tags.set(arn, request.get("Tags", []))
            self._runs[name] = run = new_run(name)
        run.start()
        return {family.member("Arn"): arn}

    def describe(self, request: dict[str, Any]) -> Record:
        """Returns the job; raises SageMaker's error if there is none."""
        name = request[self._family.member("Name")]
        job = self._store.get(self._family.kind, name)
        if job is None:
            raise not_found(self._family.kind, self._account.arn(self._family.kind, name))
        return job

    def list(self, request: dict[str, Any], *further: str) -> dict[str, Any]:
        """Returns a page of summaries.

        Parameters
        ----------
        further
            Members of a summary in addition to those of all families.
        """
        family = self._family
        name, status = family.member("Name"), family.member("Status")
        found, following = page(self._store.all(family.kind), request, family.order)
        members = (
            name,
            family.member("Arn"),
            "CreationTime",
            f"{family.word}EndTime",
            "LastModifiedTime",
            status,
            *further,
        )
        summaries = [{key: job[key] for key in members if key in job} for job in found]
        return {family.member("Summaries"): summaries, **following}

    def stop(self, request: dict[str, Any]) -> None:
        """Requests that a job stop."""
        with self._store.lock:
            job = self.describe(request)
            self._refuse_unless(job, running=True)
            run = self._runs[job[self._family.member("Name")]]
        run.stop()

    def delete(self, request: dict[str, Any]) -> None:
        """Deletes a job that has ended."""
        with self._store.lock:
            job = self.describe(request)
            self._refuse_unless(job, running=False)
            name = job[self._family.member("Name")]
            self._store.delete(self._family.kind, name)
            self._runs.pop(name, None)
            self._tags.forget(job[self._family.member("Arn")])

    def start(self) -> None:
        """Fails the jobs that were running when the cloud last stopped."""
        for job in self._store.all(self._family.kind):
            if job[self._family.member("Status")] in RUNNING:
                self._store.update(
                    self._family.kind,
                    job[self._family.member("Name")],
                    lambda record: self._end(record, self._family.word, "Failed", _INTERRUPTED),
                )

    def close(self) -> None:
        """Stops all jobs and waits until they have ended."""
        runs = list(self._runs.values())
        for run in runs:
            run.abandon()
        for run in runs:
            run.join()

    def _refuse_unless(self, job: Record, *, running: bool) -> None:
        status = job[self._family.member("Status")]
        if (status in RUNNING) != running:
            raise validation(
                f"The request was rejected because the {self._family.word.lower()} job is in "
                f"status {status}."
            )
