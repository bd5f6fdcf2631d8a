"""Models and registered versions, as calls of SageMaker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.models.releases import newest_approved
from contracts.models.requests.parts import Arguments
from contracts.names import Names
from infra.modules.core.policy import Statement
from infra.modules.machines.permissions import pass_role
from infra.modules.machines.states_language import Call, expression


def create_model(names: Names, group: str, request: Arguments, *, prefix: str) -> Call:
    """Make a model, of a training job's artefact or of a version.

    Parameters
    ----------
    group
        Group of the version that it may be made of.
    request
        `contracts.models.requests.serving.model`.
    prefix
        How the names of such models start.
    """
    versions = names.arn("sagemaker", f"model-package/{group}/*")
    return Call(
        "sagemaker:createModel",
        request,
        (
            Statement(
                "CreateModels",
                ("sagemaker:AddTags", "sagemaker:CreateModel"),
                (names.arn("sagemaker", f"model/{prefix}-*"), versions),
            ),
            pass_role(names, ("sagemaker",)),
        ),
    )


def delete_model(names: Names, name: str, *, prefix: str) -> Call:
    """Remove a model that was made for one run."""
    return Call(
        "aws-sdk:sagemaker:deleteModel",
        {"ModelName": name},
        (
            Statement(
                "DeleteModels",
                ("sagemaker:DeleteModel",),
                (names.arn("sagemaker", f"model/{prefix}-*"),),
            ),
        ),
    )


def newest_approved_version(group: str) -> Call:
    """List the newest approved version of a group, if there is one."""
    return Call(
        "aws-sdk:sagemaker:listModelPackages",
        newest_approved(group),
        (Statement("List", ("sagemaker:ListModelPackages",), ("*",)),),
    )


def describe_version(names: Names, group: str, package: str) -> Call:
    """Describe a version, by JSONata of its ARN."""
    return _version(names, group, "describeModelPackage", {"ModelPackageName": expression(package)})


def describe_versions(names: Names, group: str, packages: str) -> Call:
    """Describe several versions at once, by JSONata of their ARNs."""
    return _version(
        names, group, "batchDescribeModelPackage", {"ModelPackageArnList": expression(packages)}
    )


def register_version(names: Names, group: str, request: Mapping[str, Any]) -> Call:
    """Register a version."""
    return _version(names, group, "createModelPackage", request)


def judge_version(names: Names, group: str, package: str, status: str, reason: str) -> Call:
    """Approve or reject a version; package, status and reason are JSONata."""
    return _version(
        names,
        group,
        "updateModelPackage",
        {
            "ModelPackageArn": expression(package),
            "ModelApprovalStatus": expression(status),
            "ApprovalDescription": expression(reason),
        },
    )


def _version(names: Names, group: str, operation: str, arguments: Mapping[str, Any]) -> Call:
    verb = operation[0].upper() + operation[1:]
    return Call(
        f"aws-sdk:sagemaker:{operation}",
        arguments,
        (
            Statement(
                "UseVersions",
                (f"sagemaker:{verb}",),
                (
                    names.arn("sagemaker", f"model-package-group/{group}"),
                    names.arn("sagemaker", f"model-package/{group}/*"),
                ),
            ),
        ),
    )
