"""Refusals in the words of SageMaker, which clients and people search for."""

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
    """The request is well formed but cannot be carried out."""
    return AwsError("ValidationException", message)


def not_found(kind: str, arn: str) -> AwsError:
    """SageMaker names what it could not find by its ARN; of jobs it says no more than this."""
    noun = NOUNS.get(kind)
    return validation(
        f'Could not find {noun} "{arn}".' if noun else "Requested resource not found."
    )


def already_exists(kind: str, arn: str) -> AwsError:
    """Jobs are in use; models, configurations and endpoints are invalid to create again."""
    if kind.endswith("-job"):
        noun = kind.replace("-", " ")
        return AwsError(
            "ResourceInUse",
            f"{noun.capitalize()} names must be unique within an AWS account and region, and a "
            f"{noun} with this name already exists ({arn})",
        )
    return validation(f'Cannot create already existing {NOUNS[kind]} "{arn}".')


def in_progress(arn: str) -> AwsError:
    """An endpoint that is being created, updated or deleted takes no other change."""
    return validation(f'Cannot update in-progress endpoint "{arn}".')


def limit_exceeded(quota: str, limit: int, used: int, asked: int) -> AwsError:
    """An account's quota would be passed; ``quota`` as in ``ml.m5.large for endpoint usage``."""
    return AwsError(
        "ResourceLimitExceeded",
        f"The account-level service limit '{quota}' is {limit} Instances, with current utilization "
        f"of {used} Instances and a request delta of {asked} Instances. Please use AWS Service "
        "Quotas to request an increase for this quota. If AWS Service Quotas is not available, "
        "contact AWS support to request an increase for this quota.",
    )


def not_served(feature: str) -> AwsError:
    """AWS has it, the local cloud does not; said rather than silently left out."""
    return validation(f"The local cloud does not serve {feature}.")
