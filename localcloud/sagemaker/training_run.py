"""One training job on its way: download, train, upload, and what became of it."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from typing import Any

from localcloud.aws_api import AwsError
from localcloud.sagemaker import artifacts, images
from localcloud.sagemaker.account import Role
from localcloud.sagemaker.container import Process, Tree, training_environment
from localcloud.sagemaker.metric_scan import MetricScan
from localcloud.sagemaker.parts import Parts
from localcloud.store import Record

logger = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_KIND = "training-job"
_ABANDONED = "InternalServerError: the local cloud was stopped while the job ran."
_MESSAGES = {
    "Pending": "Waiting until fewer training jobs run on this machine",
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job stopped as it ran longer than MaxRuntimeInSeconds",
}


class TrainingRun:
    """A thread that takes one job through its states; it always ends with a final one.

    Parameters
    ----------
    role
        The job's role: its data is read and its model written with the role's rights.
    slots
        How many jobs may run at a time.
    """

    def __init__(
        self,
        name: str,
        role: Role,
        scan: MetricScan,
        parts: Parts,
        slots: threading.BoundedSemaphore,
    ) -> None:
        self._name = name
        self._role = role
        self._scan = scan
        self._store = parts.store
        self._settings = parts.settings
        self._telemetry = parts.telemetry
        self._slots = slots
        self._stopping = threading.Event()
        self._changed = threading.Event()  # it is to stop, or its process has ended
        self._abandoned = False
        self._stream = f"{name}/algo-1-{int(time.time())}"
        home = role.account.context.home / "sagemaker" / "training-jobs" / name
        self._tree = Tree(home.absolute())
        self._thread = threading.Thread(target=self._run, name=f"training-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the job to end; it becomes Stopped."""
        self._update(status="Stopping", secondary="Stopping")
        self._stopping.set()
        self._changed.set()

    def abandon(self) -> None:
        """End the job because the cloud goes down; it becomes Failed."""
        self._abandoned = True
        self._stopping.set()
        self._changed.set()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _run(self) -> None:
        try:
            status, reason, secondary = self._through()
        except artifacts.ArtifactError as error:
            status, reason, secondary = "Failed", f"ClientError: {error}", None
        except AwsError as error:  # its role was taken away meanwhile
            status, reason, secondary = "Failed", f"ClientError: {error.message}", None
        except Exception as error:  # a job must not hang because of a fault in here
            logger.exception("training job %s failed", self._name)
            status, reason, secondary = "Failed", f"InternalServerError: {error}", None
        if self._abandoned:
            status, reason, secondary = "Failed", _ABANDONED, None
        self._telemetry.flush()
        metrics = self._scan.final()
        self._store.update(
            _KIND, self._name, lambda job: finish(job, status, reason, secondary, metrics)
        )
        shutil.rmtree(self._tree.base, ignore_errors=True)

    def _through(self) -> tuple[str, str | None, str | None]:
        """Status, failure reason and secondary status that the job ends with."""
        if not self._slots.acquire(blocking=False):
            self._update(secondary="Pending")
            while not self._slots.acquire(timeout=0.2):
                if self._stopping.is_set():
                    return "Stopped", None, None
        try:
            return self._train()
        finally:
            self._slots.release()

    def _train(self) -> tuple[str, str | None, str | None]:
        job = self._store.get(_KIND, self._name)
        if job is None:
            raise LookupError("the job's record is gone")
        try:
            image = images.find(
                job["AlgorithmSpecification"]["TrainingImage"], self._settings.containers
            )
            script = image.script("train")
        except images.UnknownImageError as error:
            return "Failed", f"ClientError: Cannot pull the training image: {error}", None
        self._prepare(job)
        if self._stopping.is_set():
            return "Stopped", None, None
        self._update(secondary="Training", TrainingStartTime=time.time())
        process = Process(
            str(self._role.account.context.python),
            script,
            self._tree,
            training_environment(self._tree, job, self._role.environment()),
            on_line=self._on_line,
            on_end=self._changed.set,
        )
        code, too_long = self._await(process, job["StoppingCondition"]["MaxRuntimeInSeconds"])
        if self._abandoned:
            return "Failed", _ABANDONED, None
        stopped = too_long or self._stopping.is_set()
        if code != 0 and not stopped:
            return "Failed", _failure(code, self._tree.failure(), process), None
        self._upload(job, stopped)
        if stopped:
            return "Stopped", None, "MaxRuntimeExceeded" if too_long else None
        return "Completed", None, None

    def _prepare(self, job: Record) -> None:
        shutil.rmtree(self._tree.base, ignore_errors=True)
        self._tree.create()
        channels = job.get("InputDataConfig", [])
        self._tree.configure(
            job.get("HyperParameters", {}), channels, job["ResourceConfig"]["InstanceType"]
        )
        self._update(secondary="Downloading")
        for channel in channels:
            try:
                artifacts.download_channel(self._role, channel, self._tree)
            except artifacts.ArtifactError as error:
                raise artifacts.ArtifactError(f"Data download failed: {error}") from error

    def _await(self, process: Process, seconds: float) -> tuple[int, bool]:
        """Exit code, and whether the job ran longer than it may."""
        in_time = self._changed.wait(seconds)
        code = process.exit_code
        if code is not None:
            return code, False
        grace = 0 if self._abandoned else self._settings.stop_grace
        return process.stop(grace), not in_time

    def _upload(self, job: Record, stopped: bool) -> None:
        if not stopped:
            self._update(secondary="Uploading")
        target = job["ModelArtifacts"]["S3ModelArtifacts"]
        written = any(self._tree.model.iterdir())
        if not written and stopped:
            return
        if not written:
            self._on_line(
                f"[local cloud] the container ended well but wrote nothing to {self._tree.model}; "
                "the model archive is empty"
            )
        further = self._tree.output / "data"
        try:
            artifacts.upload_archive(self._role, self._tree.model, target)
            if any(further.iterdir()):
                output = f"{target.rpartition('/')[0]}/output.tar.gz"
                artifacts.upload_archive(self._role, further, output)
        except artifacts.ArtifactError as error:
            raise artifacts.ArtifactError(f"Artifact upload failed: {error}") from error

    def _on_line(self, line: str) -> None:
        self._telemetry.log(LOG_GROUP, self._stream, line)
        for name, value in self._scan.read(line):
            self._telemetry.measure(LOG_GROUP, name, value, "None", {"TrainingJobName": self._name})

    def _update(self, *, secondary: str, status: str | None = None, **members: Any) -> None:
        def change(job: Record) -> None:
            if status is None and job["TrainingJobStatus"] == "Stopping":
                return  # a job that was told to stop does not go back to Training
            enter(job, secondary)
            job.update(members)
            if status:
                job["TrainingJobStatus"] = status

        self._store.update(_KIND, self._name, change)


def enter(job: Record, secondary: str) -> None:
    """Close the last secondary status and open another."""
    now = time.time()
    transitions = job["SecondaryStatusTransitions"]
    transitions[-1]["EndTime"] = now
    transitions.append(
        {"Status": secondary, "StartTime": now, "StatusMessage": _MESSAGES[secondary]}
    )
    job["SecondaryStatus"] = secondary
    job["LastModifiedTime"] = now


def finish(
    job: Record,
    status: str,
    reason: str | None,
    secondary: str | None = None,
    metrics: list[dict[str, Any]] | None = None,
) -> None:
    """Give a job its final state."""
    enter(job, secondary or status)
    now = job["LastModifiedTime"]
    last = job["SecondaryStatusTransitions"][-1]
    last["EndTime"] = now
    job["TrainingJobStatus"] = status
    job["TrainingEndTime"] = now
    if reason:
        job["FailureReason"] = last["StatusMessage"] = reason[:1024]
    if metrics:
        job["FinalMetricDataList"] = metrics
    if "TrainingStartTime" in job:
        seconds = round(now - job["TrainingStartTime"])
        job["TrainingTimeInSeconds"] = job["BillableTimeInSeconds"] = max(1, seconds)


def _failure(code: int, written: str, process: Process) -> str:
    """SageMaker's FailureReason of a container that exited with an error."""
    said = written or "\n".join(process.last_lines)[-700:]
    return f"AlgorithmError: {said or 'no output'}, exit code: {code}"
