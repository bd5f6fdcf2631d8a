"""Calls of SageMaker for models and registered versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from contracts.models.container_images import repository_arns
from contracts.models.releases import newest_approved
from contracts.models.requests.parts import Arguments
from contracts.names import Names
from infra.modules.core.policy import Statement
from infra.modules.machines.permissions import pass_role
from infra.modules.machines.states_language import Call, expression


def create_model(names: Names, group: str, request: Arguments, *, prefix: str) -> Call:
    """Creates a model from a training job's artefact or from a version.

    Parameters
    ----------
    group
        Group of the version.
    request
        Arguments, from `contracts.models.requests.serving.model`.
    prefix
        Prefix of the names of these models.
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
    """Deletes a model that was created for one run."""
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
    """Lists the newest approved version of a group, if there is one."""
    return Call(
        "aws-sdk:sagemaker:listModelPackages",
        newest_approved(group),
        (Statement("List", ("sagemaker:ListModelPackages",), ("*",)),),
    )


def describe_version(names: Names, group: str, package: str) -> Call:
    """Describes a version, by JSONata of its ARN."""
    return _version(names, group, "describeModelPackage", {"ModelPackageName": expression(package)})


def describe_versions(names: Names, group: str, packages: str) -> Call:
    """Describes several versions at once, by JSONata of their ARNs."""
    return _version(
        names, group, "batchDescribeModelPackage", {"ModelPackageArnList": expression(packages)}
    )


def register_version(names: Names, group: str, request: Mapping[str, Any]) -> Call:
    """Registers a version; it has no number yet, so the permission names its group as well.

    SageMaker looks up the image as the caller.
    """
    of_group = names.arn("sagemaker", f"model-package-group/{group}")
    call = _version(names, group, "createModelPackage", request, of_group)
    images = Statement(
        "LookUpImages", ("ecr:BatchGetImage", "ecr:DescribeImages"), repository_arns(names)
    )
    return replace(call, statements=(*call.statements, images))


def judge_version(names: Names, group: str, package: str, status: str, reason: str) -> Call:
    """Approves or rejects a version; package, status and reason are JSONata."""
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


def _version(
    names: Names, group: str, operation: str, arguments: Mapping[str, Any], *more: str
) -> Call:
    verb = operation[0].upper() + operation[1:]
    return Call(
        f"aws-sdk:sagemaker:{operation}",
        arguments,
        (
            Statement(
                "UseVersions",
                (f"sagemaker:{verb}",),
                (*more, names.arn("sagemaker", f"model-package/{group}/*")),
            ),
        ),
    )
