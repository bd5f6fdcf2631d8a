"""Serves Create-, Describe-, List- and StopTransformJob."""

from __future__ import annotations

from typing import Any

from localcloud.services.sagemaker.endpoints.models import Models
from localcloud.services.sagemaker.jobs.jobs import Family, Jobs
from localcloud.services.sagemaker.jobs.transform_run import PAYLOAD_MB, TransformRun
from localcloud.services.sagemaker.listing import Order
from localcloud.services.sagemaker.parts import Parts
from localcloud.services.sagemaker.refusals import limit_exceeded, not_supported, validation

_MAX_IN_FLIGHT_MB = 100

FAMILY = Family(
    "Transform",
    (
        "ModelName",
        "MaxConcurrentTransforms",
        "ModelClientConfig",
        "MaxPayloadInMB",
        "BatchStrategy",
        "Environment",
        "TransformInput",
        "TransformOutput",
        "TransformResources",
    ),
    # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListTransformJobs.html
    Order("TransformJobName", "TransformJobStatus", sort_order="Descending"),
)


class TransformJobs:
    """Operations on transform jobs."""

    def __init__(self, parts: Parts, models: Models) -> None:
        self._parts = parts
        self._models = models
        self.jobs = Jobs(FAMILY, parts, parts.settings.concurrent_transform_jobs)

    def create_transform_job(self, request: dict[str, Any]) -> dict[str, Any]:
        _check_supported(request)
        model = self._models.get(request["ModelName"])
        self._models.check_transform(model, request["TransformResources"]["InstanceType"])
        if "ExecutionRoleArn" not in model:
            raise not_supported("batch transform of models without an ExecutionRoleArn")
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html
        if "ModelDataSource" in model["PrimaryContainer"]:
            raise validation("Batch transform does not accept models with ModelDataSource.")
        role = self._parts.account.assume(model["ExecutionRoleArn"])
        return self.jobs.create(
            request, {}, lambda name: TransformRun(name, role, model, self._parts, self.jobs.slots)
        )

    def describe_transform_job(self, request: dict[str, Any]) -> dict[str, Any]:
        job = self.jobs.describe(request)
        del job["LastModifiedTime"]  # SageMaker returns it only in lists
        return job

    def list_transform_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.jobs.list(request, "FailureReason")

    def stop_transform_job(self, request: dict[str, Any]) -> None:
        self.jobs.stop(request)


def _check_supported(request: dict[str, Any]) -> None:
    resources = request["TransformResources"]
    if resources["InstanceCount"] > 1:
        quota = f"{resources['InstanceType']} for transform job usage"
        raise limit_exceeded(quota, limit=1, used=0, requested=resources["InstanceCount"])
    _check_batches(request)


def _check_batches(request: dict[str, Any]) -> None:
    """Refuses what AWS documents as invalid in the strategy and size of batches.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html
    """
    if "BatchStrategy" in request and request["TransformInput"].get("SplitType", "None") == "None":
        raise validation("BatchStrategy needs a SplitType that splits the input into records.")
    payload = request.get("MaxPayloadInMB", PAYLOAD_MB)
    in_flight = request.get("MaxConcurrentTransforms", 1) * payload
    if in_flight > _MAX_IN_FLIGHT_MB:
        raise validation(
            f"MaxConcurrentTransforms * MaxPayloadInMB can be at most {_MAX_IN_FLIGHT_MB}; "
            f"got {in_flight}."
        )
