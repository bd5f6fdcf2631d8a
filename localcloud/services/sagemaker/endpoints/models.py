"""Serves CreateModel, DescribeModel, ListModels and DeleteModel."""

from __future__ import annotations

import time
from typing import Any

from localcloud.cloud.store import Record
from localcloud.services.sagemaker import artifacts
from localcloud.services.sagemaker.listing import Order, page
from localcloud.services.sagemaker.parts import Parts
from localcloud.services.sagemaker.refusals import (
    already_exists,
    not_found,
    not_supported,
    validation,
)
from localcloud.services.sagemaker.registry.model_packages import ModelPackages

KIND = "model"
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListModels.html
_ORDER = Order("ModelName", sort_order="Descending", includes_after=True)
_ECHOED = ("ModelName", "ExecutionRoleArn", "VpcConfig")


class Models:
    """Operations on models; creating a model starts no process."""

    def __init__(self, parts: Parts, packages: ModelPackages) -> None:
        self._account = parts.account
        self._packages = packages
        self._store = parts.store
        self._tags = parts.tags

    def create_model(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["ModelName"]
        arn = self._account.arn(KIND, name)
        if self._store.get(KIND, name):
            raise already_exists(KIND, arn)
        container = self._only_container(request)
        self._check_model_data(container, request.get("ExecutionRoleArn"))
        with self._store.lock:
            if self._store.get(KIND, name):
                raise already_exists(KIND, arn)
            self._store.put(
                KIND,
                name,
                {
                    **{member: request[member] for member in _ECHOED if member in request},
                    "PrimaryContainer": container,
                    "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
                    "ModelArn": arn,
                    "CreationTime": time.time(),
                },
            )
            self._tags.set(arn, request.get("Tags", []))
        return {"ModelArn": arn}

    def describe_model(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.get(request["ModelName"])

    def list_models(self, request: dict[str, Any]) -> dict[str, Any]:
        found, following = page(self._store.all(KIND), request, _ORDER)
        members = ("ModelName", "ModelArn", "CreationTime")
        return {"Models": [{key: one[key] for key in members} for one in found], **following}

    def delete_model(self, request: dict[str, Any]) -> None:
        model = self.get(request["ModelName"])
        self._store.delete(KIND, request["ModelName"])
        self._tags.forget(model["ModelArn"])

    def get(self, name: str) -> Record:
        """Returns the model; raises SageMaker's error if there is none."""
        model = self._store.get(KIND, name)
        if model is None:
            raise not_found(KIND, self._account.arn(KIND, name))
        return model

    def check_transform(self, model: Record, instance_type: str) -> None:
        """Checks that a model's version permits batch transform on a type of instance.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceSpecification.html
        """
        package = model["PrimaryContainer"].get("ModelPackageName")
        if package is None:
            return
        specification = self._packages.get(package)["InferenceSpecification"]
        listed = specification.get("SupportedTransformInstanceTypes", [])
        if listed and instance_type not in listed:
            raise validation(
                f"Instance type {instance_type} is not among the SupportedTransformInstanceTypes "
                f"of {package}: {', '.join(listed)}."
            )

    def _only_container(self, request: dict[str, Any]) -> Record:
        containers = request.get("Containers") or [request.get("PrimaryContainer")]
        if len(containers) != 1:
            raise not_supported("models with more than one container (inference pipelines)")
        container: Record | None = containers[0]
        if container is None:
            raise validation("Model must have a PrimaryContainer or Containers.")
        specification = container.get("InferenceSpecificationName")
        if "ModelPackageName" in container:
            package = self._packages.container(container["ModelPackageName"], specification)
            if "Environment" in package and "Environment" in container:
                # wording in https://github.com/aws/sagemaker-python-sdk/issues/3397
                raise validation(
                    "Environment variable map cannot be specified both at Model Package "
                    f"{package['Environment']} and Model {container['Environment']}"
                )
            container = {**package, **container}
        elif specification is not None:
            raise validation("InferenceSpecificationName needs a ModelPackageName.")
        if "Image" not in container:
            raise validation("A container needs an Image or a ModelPackageName.")
        return {"Mode": "SingleModel", **container}

    def _check_model_data(self, container: Record, role_arn: str | None) -> None:
        """Checks that the model's role can read the data, as SageMaker does in CreateModel."""
        role = self._account.assume(role_arn) if role_arn else None
        try:
            source = artifacts.model_source(container)
            if source is None:
                return
            s3 = (role or self._account).client("s3")
            if not artifacts.exists(s3, source):
                raise validation(f"Could not find model data at {source.uri}.")
        except artifacts.ArtifactError as error:
            raise validation(str(error)) from error
