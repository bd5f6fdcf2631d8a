"""Serves Create-, Describe-, List-, Stop- and DeleteProcessingJob, and runs the jobs.

https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from localcloud.cloud.store import Record
from localcloud.services.sagemaker import artifacts, images
from localcloud.services.sagemaker.account import Role
from localcloud.services.sagemaker.container import is_local_path, processing_environment
from localcloud.services.sagemaker.jobs.job_run import (
    ABANDONED,
    JobRun,
    Outcome,
    check_entrypoint,
    failure,
)
from localcloud.services.sagemaker.jobs.jobs import Family, Jobs
from localcloud.services.sagemaker.listing import Order
from localcloud.services.sagemaker.parts import Parts
from localcloud.services.sagemaker.process import Process
from localcloud.services.sagemaker.refusals import limit_exceeded, validation

FAMILY = Family(
    "Processing",
    (
        "ProcessingInputs",
        "ProcessingOutputConfig",
        "ProcessingResources",
        "StoppingCondition",
        "AppSpecification",
        "Environment",
        "NetworkConfig",
        "RoleArn",
    ),
    # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListProcessingJobs.html
    Order("ProcessingJobName", "ProcessingJobStatus"),
)
_FOLDER = "/opt/ml/processing/"
_MAX_SECONDS = 86400


class ProcessingJobs:
    """Operations on processing jobs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.jobs = Jobs(FAMILY, parts, parts.settings.concurrent_processing_jobs)

    def create_processing_job(self, request: dict[str, Any]) -> dict[str, Any]:
        _check_supported(request)
        role = self._parts.account.assume(request["RoleArn"])
        return self.jobs.create(
            request, {}, lambda name: ProcessingRun(name, role, self._parts, self.jobs.slots)
        )

    def describe_processing_job(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.jobs.describe(request)

    def list_processing_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.jobs.list(request, "ExitMessage", "FailureReason")

    def stop_processing_job(self, request: dict[str, Any]) -> None:
        self.jobs.stop(request)

    def delete_processing_job(self, request: dict[str, Any]) -> None:
        self.jobs.delete(request)


class ProcessingRun(JobRun):
    """A running processing job: downloads inputs, runs the script, uploads outputs."""

    def __init__(
        self, name: str, role: Role, parts: Parts, slots: threading.BoundedSemaphore
    ) -> None:
        super().__init__("Processing", name, role, parts, slots)

    def work(self, job: Record) -> Outcome:
        image = images.find(job["AppSpecification"]["ImageUri"], self.parts.settings.containers)
        self._prepare(job)
        if self.stopping.is_set():
            return "Stopped", None
        self.update(ProcessingStartTime=time.time())
        process = self._start(job, image)
        seconds = job.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _MAX_SECONDS)
        code, too_long = self.await_end(process, seconds)
        if self.abandoned:
            return "Failed", ABANDONED
        message = self.tree.message()
        if message:
            self.update(ExitMessage=message)
        if too_long or self.stopping.is_set():
            return "Stopped", None
        if code != 0:
            return "Failed", failure(code, message, process)
        self._upload(job)
        return "Completed", None

    def _prepare(self, job: Record) -> None:
        shutil.rmtree(self.tree.base, ignore_errors=True)
        self.tree.create()
        resources = job["ProcessingResources"]["ClusterConfig"]
        configuration = self.tree.base / "config"
        configuration.mkdir()
        for name, content in (
            ("processingjobconfig", {key: job[key] for key in FAMILY.echoed if key in job}),
            ("resourceconfig", {"current_host": "algo-1", "hosts": ["algo-1"], **resources}),
        ):
            (configuration / f"{name}.json").write_text(
                json.dumps(content, indent=1, allow_nan=False)
            )
        for one in job.get("ProcessingInputs", []):
            source = one["S3Input"]
            try:
                artifacts.download(self.role, source, self._local_path(source["LocalPath"]))
            except artifacts.ArtifactError as error:
                raise artifacts.ArtifactError(f"input {one['InputName']}: {error}") from error
        for output in _outputs(job):
            self._local_path(output["LocalPath"]).mkdir(parents=True, exist_ok=True)

    def _start(self, job: Record, image: images.Image) -> Process:
        """Starts the request's entrypoint, else the image's ``process``, with the arguments."""
        application = job["AppSpecification"]
        arguments = application.get("ContainerArguments", [])
        entrypoint = application.get("ContainerEntrypoint")
        if entrypoint:
            return self.run_command(job, [*entrypoint, *arguments])
        localised = [self.tree.to_local_paths(text) for text in arguments]
        environment = processing_environment(self.tree, job, self.role.environment())
        return self.run_script(image.script("process"), environment, localised)

    def _upload(self, job: Record) -> None:
        key = job.get("ProcessingOutputConfig", {}).get("KmsKeyId")
        for output in _outputs(job):
            folder = self._local_path(output["LocalPath"])
            artifacts.upload(self.role, folder, output["S3Uri"], key)

    def _local_path(self, path: str) -> Path:
        try:
            return self.tree.local_path(path)
        except ValueError as error:
            raise artifacts.ArtifactError(str(error)) from error


def _outputs(job: Record) -> list[dict[str, Any]]:
    outputs = job.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return [output["S3Output"] for output in outputs]


def _check_supported(request: dict[str, Any]) -> None:
    cluster = request["ProcessingResources"]["ClusterConfig"]
    if cluster["InstanceCount"] > 1:
        quota = f"{cluster['InstanceType']} for processing job usage"
        raise limit_exceeded(quota, limit=1, used=0, requested=cluster["InstanceCount"])
    for one in request.get("ProcessingInputs", []):
        _check_path(f"input {one['InputName']}", one.get("S3Input", {}))
    for one in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        _check_path(f"output {one['OutputName']}", one.get("S3Output", {}))
    check_entrypoint(
        "ContainerEntrypoint", request["AppSpecification"].get("ContainerEntrypoint", [])
    )


def _check_path(place: str, source: dict[str, Any]) -> None:
    """Refuses an input or output without data in S3 or with a folder that AWS does not allow.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingS3Input.html
    """
    path = source.get("LocalPath")
    if path is None:
        raise validation(f"The {place} needs S3Uri and LocalPath.")
    if not path.startswith(_FOLDER) or not is_local_path(path):
        raise validation(f"The LocalPath of {place} must be below {_FOLDER}; got {path}.")
