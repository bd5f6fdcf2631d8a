"""Serves Create-, Describe-, List-, Stop- and DeleteTrainingJob."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.store import Record
from localcloud.services.sagemaker import images
from localcloud.services.sagemaker.container import is_local_path
from localcloud.services.sagemaker.jobs.job_run import check_entrypoint
from localcloud.services.sagemaker.jobs.jobs import Family, Jobs
from localcloud.services.sagemaker.jobs.metric_scan import MetricScan
from localcloud.services.sagemaker.jobs.training_run import (
    CHECKPOINTS,
    TrainingRun,
    finish,
    model_artifacts,
)
from localcloud.services.sagemaker.listing import Order
from localcloud.services.sagemaker.parts import Parts
from localcloud.services.sagemaker.refusals import limit_exceeded, not_supported

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListTrainingJobs.html
ORDER = Order("TrainingJobName", "TrainingJobStatus", status_filters_page=True)

_MAX_METRICS = 40
_MAX_SECONDS = 86400

# Members of the request that DescribeTrainingJob returns unchanged.
_ECHOED = (
    "HyperParameters",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "Environment",
    "CheckpointConfig",
    "RetryStrategy",
    "RemoteDebugConfig",
    "InfraCheckConfig",
)


FAMILY = Family("Training", _ECHOED, ORDER)


class TrainingJobs:
    """Operations on training jobs.

    At most ``settings.concurrent_training_jobs`` run; others are Pending.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.jobs = Jobs(FAMILY, parts, parts.settings.concurrent_training_jobs, finish)

    def create_training_job(
        self, request: dict[str, Any], tuned: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Creates and starts a job.

        Parameters
        ----------
        tuned
            Members that a tuning job adds to its training jobs.
        """
        _check_supported(request)
        members = {**_described(request), **(tuned or {})}
        scan = MetricScan(members["AlgorithmSpecification"].get("MetricDefinitions", []))
        role = self._parts.account.assume(request["RoleArn"])
        return self.jobs.create(
            request,
            members,
            lambda name: TrainingRun(name, role, scan, self._parts, self.jobs.slots),
        )

    def describe_training_job(self, request: dict[str, Any]) -> dict[str, Any]:
        job = self.jobs.describe(request)
        job.pop("TunedHyperParameters", None)  # SageMaker returns them only for the tuning job
        return job

    def list_training_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.jobs.list(request, "SecondaryStatus")

    def stop_training_job(self, request: dict[str, Any]) -> None:
        self.jobs.stop(request)

    def stop_if_running(self, name: str) -> None:
        """Stops a job unless it has ended or is already stopping."""
        with contextlib.suppress(AwsError):
            self.jobs.stop({"TrainingJobName": name})

    def delete_training_job(self, request: dict[str, Any]) -> None:
        self.jobs.delete(request)


def _described(request: dict[str, Any]) -> Record:
    """Returns a new job's members in DescribeTrainingJob that the request does not contain."""
    now = time.time()
    algorithm = dict(request["AlgorithmSpecification"])
    known = {item["Name"] for item in algorithm.get("MetricDefinitions", [])}
    built_in = images.metric_definitions(algorithm["TrainingImage"])
    definitions = algorithm.get("MetricDefinitions", []) + [
        item for item in built_in if item["Name"] not in known
    ]
    if definitions:
        algorithm["MetricDefinitions"] = definitions[:_MAX_METRICS]
    return {
        "AlgorithmSpecification": algorithm,
        "StoppingCondition": {
            "MaxRuntimeInSeconds": _MAX_SECONDS,
            **request.get("StoppingCondition", {}),
        },
        "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
        "EnableInterContainerTrafficEncryption": request.get(
            "EnableInterContainerTrafficEncryption", False
        ),
        "EnableManagedSpotTraining": request.get("EnableManagedSpotTraining", False),
        "ModelArtifacts": {"S3ModelArtifacts": model_artifacts(request)},
        "SecondaryStatus": "Starting",
        "SecondaryStatusTransitions": [
            {
                "Status": "Starting",
                "StartTime": now,
                "StatusMessage": "Starting the training job",
            }
        ],
    }


def _check_supported(request: dict[str, Any]) -> None:
    for member in ("AlgorithmSpecification", "ResourceConfig"):
        if member not in request:
            raise not_supported(f"training jobs without {member}")
    if "TrainingImage" not in request["AlgorithmSpecification"]:
        raise not_supported("training jobs without AlgorithmSpecification.TrainingImage")
    resources = request["ResourceConfig"]
    for member in ("InstanceType", "InstanceCount"):  # optional for instance groups
        if member not in resources:
            raise not_supported(f"training jobs without ResourceConfig.{member}")
    algorithm = request["AlgorithmSpecification"]
    if algorithm.get("ContainerArguments") and not algorithm.get("ContainerEntrypoint"):
        raise not_supported("ContainerArguments without ContainerEntrypoint in CreateTrainingJob")
    check_entrypoint("ContainerEntrypoint", algorithm.get("ContainerEntrypoint", []))
    checkpoints = request.get("CheckpointConfig", {}).get("LocalPath", CHECKPOINTS)
    if not is_local_path(checkpoints):
        raise not_supported(f"CheckpointConfig.LocalPath outside of /opt/ml ({checkpoints})")
    count = resources["InstanceCount"]
    if count > 1:
        raise limit_exceeded(
            f"{resources['InstanceType']} for training job usage", limit=1, used=0, requested=count
        )
