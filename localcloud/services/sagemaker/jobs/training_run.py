"""Runs a training job: downloads its channels, trains, uploads the model."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from typing import Any

from contracts.names import job_log_group
from localcloud.cloud.store import Record
from localcloud.services.sagemaker import artifacts, images
from localcloud.services.sagemaker.account import Role
from localcloud.services.sagemaker.container import training_environment
from localcloud.services.sagemaker.jobs import job_run
from localcloud.services.sagemaker.jobs.checkpoints import Checkpoints
from localcloud.services.sagemaker.jobs.job_run import ABANDONED, JobRun, Outcome, failure
from localcloud.services.sagemaker.jobs.metric_scan import MetricScan
from localcloud.services.sagemaker.parts import Parts
from localcloud.services.sagemaker.process import Process

LOG_GROUP = job_log_group("Training")
CHECKPOINTS = "/opt/ml/checkpoints/"
_MESSAGES = {
    "Pending": "Waiting for other training jobs to end",
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


class TrainingRun(JobRun):
    """A running training job that passes through SageMaker's secondary statuses.

    Parameters
    ----------
    scan
        Scanner for metrics in the log.
    """

    def __init__(
        self,
        name: str,
        role: Role,
        scan: MetricScan,
        parts: Parts,
        slots: threading.BoundedSemaphore,
    ) -> None:
        super().__init__("Training", name, role, parts, slots)
        self._scan = scan
        self._ran_too_long = False

    def on_waiting(self) -> None:
        self._enter("Pending")

    def work(self, job: Record) -> Outcome:
        algorithm = job["AlgorithmSpecification"]
        image = images.find(algorithm["TrainingImage"], self.parts.settings.containers)
        self._prepare(job)
        if self.stopping.is_set():
            return "Stopped", None
        self._enter("Training", TrainingStartTime=time.time())
        with self._checkpoints(job):
            process = self._start(job, image)
            seconds = job["StoppingCondition"]["MaxRuntimeInSeconds"]
            code, self._ran_too_long = self.await_end(process, seconds)
        if self.abandoned:
            return "Failed", ABANDONED
        stopped = self._ran_too_long or self.stopping.is_set()
        if code != 0 and not stopped:
            return "Failed", failure(code, self.tree.failure(), process)
        self._upload(job, stopped)
        return ("Stopped" if stopped else "Completed"), None

    def _start(self, job: Record, image: images.Image) -> Process:
        algorithm = job["AlgorithmSpecification"]
        entrypoint = algorithm.get("ContainerEntrypoint")
        if entrypoint:
            return self.run_command(job, [*entrypoint, *algorithm.get("ContainerArguments", [])])
        environment = training_environment(self.tree, job, self.role.environment())
        return self.run_script(image.script("train"), environment)

    def _checkpoints(self, job: Record) -> contextlib.AbstractContextManager[object]:
        configuration = job.get("CheckpointConfig")
        if configuration is None:
            return contextlib.nullcontext()
        folder = self.tree.local_path(configuration.get("LocalPath", CHECKPOINTS))
        return Checkpoints(self.role, folder, configuration["S3Uri"])

    def end(self, job: Record, status: str, reason: str | None) -> None:
        too_long = status == "Stopped" and self._ran_too_long
        finish(job, self.word, status, reason, "MaxRuntimeExceeded" if too_long else None)
        metrics = self._scan.final()
        if metrics:
            job["FinalMetricDataList"] = metrics

    def change_to_stopping(self, job: Record) -> None:
        enter(job, "Stopping")
        super().change_to_stopping(job)

    def _prepare(self, job: Record) -> None:
        shutil.rmtree(self.tree.base, ignore_errors=True)
        self.tree.create()
        channels = job.get("InputDataConfig", [])
        self.tree.configure(
            job.get("HyperParameters", {}),
            channels,
            job["ResourceConfig"]["InstanceType"],
            job["AlgorithmSpecification"]["TrainingInputMode"],
        )
        self._enter("Downloading")
        for channel in channels:
            try:
                artifacts.download_channel(self.role, channel, self.tree)
            except artifacts.ArtifactError as error:
                raise artifacts.ArtifactError(f"Data download failed: {error}") from error

    def _upload(self, job: Record, stopped: bool) -> None:
        if not stopped:
            self._enter("Uploading")
        target = job["ModelArtifacts"]["S3ModelArtifacts"]
        written = any(self.tree.model.iterdir())
        if not written and stopped:
            return
        if not written:
            self.on_line(
                f"[local cloud] the container succeeded but wrote nothing to {self.tree.model}; "
                "the model archive is empty"
            )
        further = self.tree.output / "data"
        folder, key = output_folder(job), job["OutputDataConfig"].get("KmsKeyId")
        try:
            if is_compressed(job):
                artifacts.upload_archive(self.role, self.tree.model, target, key)
            else:
                artifacts.upload(self.role, self.tree.model, target, key)
            if any(further.iterdir()) and is_compressed(job):
                artifacts.upload_archive(self.role, further, f"{folder}/output.tar.gz", key)
            elif any(further.iterdir()):
                artifacts.upload(self.role, further, f"{folder}/data/", key)
        except artifacts.ArtifactError as error:
            raise artifacts.ArtifactError(f"Artifact upload failed: {error}") from error

    def on_line(self, line: str) -> None:
        self.log(line)
        for name, value in self._scan.read(line):
            self.parts.telemetry.measure(
                LOG_GROUP, name, value, "None", {"TrainingJobName": self.name}
            )

    def _enter(self, secondary: str, **members: Any) -> None:
        def change(job: Record) -> None:
            if job["TrainingJobStatus"] == "Stopping":
                return  # a stopping job does not return to Training
            enter(job, secondary)
            job.update(members)

        self.parts.store.update("training-job", self.name, change)


def output_folder(job: Record) -> str:
    """Returns the URI below which a job writes its model, ``<S3OutputPath>/<job>/output``."""
    path = job["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    return f"{path}/{job['TrainingJobName']}/output"


def is_compressed(job: Record) -> bool:
    """Whether a job's model becomes an archive instead of a prefix with its files."""
    return bool(job["OutputDataConfig"].get("CompressionType", "GZIP") == "GZIP")


def model_artifacts(job: Record) -> str:
    """Returns the model's future URI."""
    name = "model.tar.gz" if is_compressed(job) else "model/"
    return f"{output_folder(job)}/{name}"


def enter(job: Record, secondary: str) -> None:
    """Ends the current secondary status and starts another."""
    now = time.time()
    transitions = job["SecondaryStatusTransitions"]
    transitions[-1]["EndTime"] = now
    transitions.append(
        {"Status": secondary, "StartTime": now, "StatusMessage": _MESSAGES[secondary]}
    )
    job["SecondaryStatus"] = secondary
    job["LastModifiedTime"] = now


def finish(
    job: Record, word: str, status: str, reason: str | None, secondary: str | None = None
) -> None:
    """Sets a training job's final status and last secondary status, by default the same."""
    enter(job, secondary or status)
    last = job["SecondaryStatusTransitions"][-1]
    job_run.finish(job, word, status, reason)
    last["EndTime"] = now = job["LastModifiedTime"]
    if reason:
        last["StatusMessage"] = job["FailureReason"]
    if "TrainingStartTime" in job:
        seconds = round(now - job["TrainingStartTime"])
        job["TrainingTimeInSeconds"] = job["BillableTimeInSeconds"] = max(1, seconds)
