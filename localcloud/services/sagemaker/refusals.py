"""Builds SageMaker's errors in its own wording, which clients and people search for."""

from __future__ import annotations

from localcloud.cloud.aws_api import AwsError

NOUNS = {
    "endpoint": "endpoint",
    "endpoint-config": "endpoint configuration",
    "model": "model",
    "model-package": "model package",
    "model-package-group": "model package group",
}


def validation(message: str) -> AwsError:
    """Returns the error for a well-formed request that cannot be carried out."""
    return AwsError("ValidationException", message)


def not_found(kind: str, arn: str) -> AwsError:
    """Returns the error for a missing resource; SageMaker includes the ARN, except for jobs."""
    noun = NOUNS.get(kind)
    return validation(
        f'Could not find {noun} "{arn}".' if noun else "Requested resource not found."
    )


def already_exists(kind: str, arn: str) -> AwsError:
    """Returns the error for an existing name: ResourceInUse for jobs, else ValidationException."""
    if kind.endswith("-job"):
        noun = kind.replace("-", " ")
        return AwsError(
            "ResourceInUse",
            f"{noun.capitalize()} names must be unique within an AWS account and region, and a "
            f"{noun} with this name already exists ({arn})",
        )
    return validation(f'Cannot create already existing {NOUNS[kind]} "{arn}".')


def in_progress(arn: str) -> AwsError:
    """Returns the error for changing an endpoint that is being created, updated or deleted."""
    return validation(f'Cannot update in-progress endpoint "{arn}".')


def limit_exceeded(quota: str, limit: int, used: int, requested: int) -> AwsError:
    """Returns the error for exceeding a quota, such as ``ml.m5.large for endpoint usage``."""
    return AwsError(
        "ResourceLimitExceeded",
        f"The account-level service limit '{quota}' is {limit} Instances, with current utilization "
        f"of {used} Instances and a request delta of {requested} Instances. Please use AWS Service "
        "Quotas to request an increase for this quota. If AWS Service Quotas is not available, "
        "contact AWS support to request an increase for this quota.",
    )


def not_supported(feature: str) -> AwsError:
    """Returns the error for a feature of AWS that the local cloud lacks."""
    return validation(f"The local cloud does not support {feature}.")
