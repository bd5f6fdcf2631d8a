"""Serves model packages: versions of a model with origin, metrics and approval.

Each change of state emits an event to EventBridge, as SageMaker does, so that rules can react:
https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
"""

from __future__ import annotations

import time
from typing import Any

from localcloud.cloud.store import Record
from localcloud.services.eventbridge import events
from localcloud.services.sagemaker.listing import Order, page
from localcloud.services.sagemaker.parts import Parts
from localcloud.services.sagemaker.refusals import (
    already_exists,
    not_found,
    not_supported,
    validation,
)
from localcloud.services.sagemaker.registry.client_tokens import ClientTokens
from localcloud.services.sagemaker.registry.model_package_groups import PACKAGE_KIND as KIND
from localcloud.services.sagemaker.registry.model_package_groups import ModelPackageGroups

_ADDITIONAL = "AdditionalInferenceSpecifications"
_MAX_ADDITIONAL = 15

# Members of the request that DescribeModelPackage returns unchanged.
_ECHOED = (
    "ModelPackageDescription",
    "InferenceSpecification",
    "ModelMetrics",
    "MetadataProperties",
    "CustomerMetadataProperties",
    "DriftCheckBaselines",
    "Domain",
    "Task",
    "SamplePayloadUrl",
    "SkipModelValidation",
    "ModelLifeCycle",
    "SecurityConfig",
    _ADDITIONAL,
)
_UPDATED = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "InferenceSpecification",
    "ModelLifeCycle",
)

# A version has no name, although botocore's model requires one in DescribeModelPackage's response:
# https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html
OMITTED = frozenset({"ModelPackageName"})

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListModelPackages.html
_ORDER = Order("ListedName")
_CHANGE = "SageMaker Model Package State Change"
_SUMMARY = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
)


class ModelPackages:
    """Operations on model packages."""

    def __init__(self, parts: Parts, groups: ModelPackageGroups) -> None:
        self._account = parts.account
        self._store = parts.store
        self._tags = parts.tags
        self._groups = groups
        self._tokens = ClientTokens(self._store)

    def create_model_package(self, request: dict[str, Any]) -> dict[str, Any]:
        _check_members(request)
        with self._store.lock:
            known = self._tokens.response("CreateModelPackage", request)
            if known is not None:
                return known
            package = (
                self._versioned(request)
                if "ModelPackageGroupName" in request
                else (self._unversioned(request))
            )
            arn = package["ModelPackageArn"]
            package |= {member: request[member] for member in _ECHOED if member in request}
            package |= {
                "CreationTime": time.time(),
                "CertifyForMarketplace": False,
                "ModelPackageStatus": "Completed",
                "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            }
            self._store.put(KIND, arn, package)
            self._tags.set(arn, request.get("Tags", []))
            self._tokens.keep("CreateModelPackage", request, {"ModelPackageArn": arn})
        self._announce(package)
        return {"ModelPackageArn": arn}

    def describe_model_package(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.get(request["ModelPackageName"])

    def batch_describe_model_package(self, request: dict[str, Any]) -> dict[str, Any]:
        summaries, errors = {}, {}
        for arn in request["ModelPackageArnList"]:
            package = self._store.get(KIND, arn)
            if package is None:
                response = f"ModelPackage {arn} does not exist."
                errors[arn] = {"ErrorCode": "ValidationException", "ErrorResponse": response}
            else:
                specification = {"InferenceSpecification": package["InferenceSpecification"]}
                summaries[arn] = _summary(package) | specification
        return {
            "ModelPackageSummaries": summaries,
            "BatchDescribeModelPackageErrorMap": errors,
        }

    def list_model_packages(self, request: dict[str, Any]) -> dict[str, Any]:
        kind = request.get("ModelPackageType")
        group = request.get("ModelPackageGroupName")
        if group is not None:
            group = self._groups.get(group)["ModelPackageGroupName"]
        approval = request.get("ModelApprovalStatus")
        matching = [
            {**package, "ListedName": package.get("ModelPackageName") or _group(package)}
            for package in self._store.all(KIND)
            if _is_of_kind(package, kind, group)
            and approval in (None, package.get("ModelApprovalStatus"))
        ]
        found, following = page(matching, request, _ORDER)
        summaries = [_summary(one) for one in found]
        return {"ModelPackageSummaryList": summaries, **following}

    def update_model_package(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = self.get(request["ModelPackageArn"])["ModelPackageArn"]
        known = self._tokens.response("UpdateModelPackage", request)
        if known is not None:
            return known

        def change(package: Record) -> None:
            added = request.get(f"{_ADDITIONAL}ToAdd", [])
            if added:
                package[_ADDITIONAL] = [*package.get(_ADDITIONAL, []), *added]
                _check_additional(package)
            package |= {member: request[member] for member in _UPDATED if member in request}
            properties = package.pop("CustomerMetadataProperties", {})
            properties |= request.get("CustomerMetadataProperties", {})
            for name in request.get("CustomerMetadataPropertiesToRemove", []):
                properties.pop(name, None)
            if properties:
                package["CustomerMetadataProperties"] = properties
            package["LastModifiedTime"] = time.time()

        package = self._store.update(KIND, arn, change)
        if package is None:
            raise not_found(KIND, arn)
        announced = (*_UPDATED, "CustomerMetadataProperties")
        self._announce(package, [member for member in announced if member in request])
        return self._tokens.keep("UpdateModelPackage", request, {"ModelPackageArn": arn})

    def delete_model_package(self, request: dict[str, Any]) -> None:
        arn = self.get(request["ModelPackageName"])["ModelPackageArn"]
        self._store.delete(KIND, arn)
        self._tags.forget(arn)

    def get(self, name_or_arn: str) -> Record:
        """Returns a package by its ARN or, if it has no versions, its name."""
        self._account.check_region(name_or_arn)
        arn = (
            name_or_arn if name_or_arn.startswith("arn:") else self._account.arn(KIND, name_or_arn)
        )
        package = self._store.get(KIND, arn)
        if package is None:
            raise validation(f"ModelPackage {name_or_arn} does not exist.")
        return package

    def container(self, name_or_arn: str, specification: str | None) -> Record:
        """Returns a package's container in the form that CreateModel accepts.

        Parameters
        ----------
        specification
            Name of an additional inference specification; None means the package's own.
        """
        package = self.get(name_or_arn)
        chosen = [package["InferenceSpecification"]]
        if specification is not None:
            additional = package.get(_ADDITIONAL, [])
            chosen = [one for one in additional if one["Name"] == specification]
        if not chosen:
            raise validation(
                f"ModelPackage {name_or_arn} has no inference specification {specification}."
            )
        containers = chosen[0]["Containers"]
        if len(containers) > 1:
            raise not_supported("models with more than one container (inference pipelines)")
        members = ("Image", "ModelDataUrl", "ModelDataSource", "Environment")
        return {member: containers[0][member] for member in members if member in containers[0]}

    def _versioned(self, request: dict[str, Any]) -> Record:
        group = self._groups.get(request["ModelPackageGroupName"])
        name = group["ModelPackageGroupName"]
        version = self._groups.next_version(name)
        return {
            "ModelPackageGroupName": name,
            "ModelPackageVersion": version,
            "ModelPackageArn": self._account.arn(KIND, f"{name}/{version}"),
            "ModelApprovalStatus": request.get("ModelApprovalStatus", "PendingManualApproval"),
        }

    def _unversioned(self, request: dict[str, Any]) -> Record:
        name = request["ModelPackageName"]
        arn = self._account.arn(KIND, name)
        if self._store.get(KIND, arn):
            raise already_exists(KIND, arn)
        return {"ModelPackageName": name, "ModelPackageArn": arn}

    def _announce(self, package: Record, updated: list[str] | None = None) -> None:
        """Emits an event with the updated members; the rollout's rule listens for it."""
        members = ("ModelMetrics", "CustomerMetadataProperties", "ApprovalDescription")
        detail = _summary(package) | {key: package[key] for key in members if key in package}
        if updated is not None:
            detail["UpdatedModelPackageFields"] = updated
        events.emit("aws.sagemaker", _CHANGE, package["ModelPackageArn"], detail)


def _check_members(request: dict[str, Any]) -> None:
    """Refuses members that do not go together.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html
    """
    if "InferenceSpecification" not in request:
        raise validation("A model package needs an InferenceSpecification.")
    names = [one for one in ("ModelPackageName", "ModelPackageGroupName") if one in request]
    if len(names) != 1:
        raise validation(
            "Either ModelPackageName or ModelPackageGroupName is required; got "
            f"{' and '.join(names) or 'neither'}."
        )
    if names == ["ModelPackageGroupName"] and request.get("Tags"):
        raise validation("A version cannot have Tags: it has those of its model package group.")
    if names == ["ModelPackageName"] and "ModelApprovalStatus" in request:
        raise validation("ModelApprovalStatus does not apply to packages without versions.")
    _check_additional(request)


def _check_additional(package: Record) -> None:
    """Refuses additional specifications that are too many or have the same name.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AdditionalInferenceSpecificationDefinition.html
    """
    names = [one["Name"] for one in package.get(_ADDITIONAL, [])]
    if len(set(names)) < len(names) or len(names) > _MAX_ADDITIONAL:
        raise validation(
            f"Expected at most {_MAX_ADDITIONAL} {_ADDITIONAL} with different names; got {names}."
        )


def _group(package: Record) -> str:
    name: str = package["ModelPackageGroupName"]
    return name


def _summary(package: Record) -> Record:
    """Returns a package's summary; a version has a number in its group instead of a name."""
    return {member: package[member] for member in _SUMMARY if member in package}


def _is_of_kind(package: Record, kind: str | None, group: str | None) -> bool:
    """Whether a package is listed.

    Versions are listed by group or on request; by default, only packages without versions.
    """
    if group is not None:
        return package.get("ModelPackageGroupName") == group
    is_versioned = "ModelPackageVersion" in package
    return kind == "Both" or is_versioned == (kind == "Versioned")
