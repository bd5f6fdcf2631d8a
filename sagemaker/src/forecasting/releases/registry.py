"""Versions of the model: SageMaker's model registry, and which of them the endpoint serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from contracts.models import naming
from contracts.names import Names
from forecasting.errors import ForecastingError

APPROVED, PENDING, REJECTED = "Approved", "PendingManualApproval", "Rejected"
REASON_LIMIT = 1024
"""Characters that SageMaker keeps of why a version was approved or rejected."""


@dataclass(frozen=True)
class Version:
    """A model package.

    Parameters
    ----------
    status
        `APPROVED`, `PENDING` or `REJECTED`.
    reason
        Why it has that status.
    metadata
        What the run that registered it says of it: figures, data window, commit and so on
        (infra/modules/machines/retrain/registration.py).
    """

    number: int
    arn: str
    status: str
    created: datetime
    reason: str
    metadata: Mapping[str, str]

    def is_served_as(self, names: Names, model: str) -> bool:
        """Whether a SageMaker model is made of it, or of the training job that it is of."""
        return (
            naming.version_of(names, model) == self.number
            or self.metadata.get("training_job") == model
        )


@dataclass(frozen=True)
class Served:
    """A production variant in service.

    Parameters
    ----------
    share
        Of the traffic, 0 to 1.
    """

    variant: str
    model: str
    share: float


def versions(session: Any, names: Names, limit: int) -> list[Version]:
    """The newest versions, the newest first; none where there is no group."""
    sagemaker = session.client("sagemaker")
    try:
        listed = sagemaker.list_model_packages(
            ModelPackageGroupName=names.model_package_group,
            SortBy="CreationTime",
            SortOrder="Descending",
            MaxResults=limit,
        )["ModelPackageSummaryList"]
    except ClientError as error:
        if _is_missing(error):
            raise ForecastingError(
                f"there is no model package group {names.model_package_group}: say `make plan` "
                "and `make apply` first"
            ) from None
        raise
    return [_described(sagemaker, one["ModelPackageArn"]) for one in listed]


def version(session: Any, names: Names, number: int) -> Version:
    """One version.

    Raises
    ------
    ForecastingError
        There is none of that number.
    """
    arn = (
        f"arn:aws:sagemaker:{names.region}:{names.account_id}:model-package/"
        f"{names.model_package_group}/{number}"
    )
    try:
        return _described(session.client("sagemaker"), arn)
    except ClientError as error:
        if not _is_missing(error):
            raise
        raise ForecastingError(
            f"there is no version {number} of {names.model_package_group}; see `make models`"
        ) from None


def judge(session: Any, one: Version, status: str, reason: str) -> None:
    """Approve or reject a version; the estate's state machine ``rollout`` does the rest."""
    session.client("sagemaker").update_model_package(
        ModelPackageArn=one.arn,
        ModelApprovalStatus=status,
        ApprovalDescription=reason[:REASON_LIMIT],
    )


def served(session: Any, names: Names) -> list[Served]:
    """The endpoint's production variants; none where there is no endpoint in service."""
    sagemaker = session.client("sagemaker")
    endpoint = _endpoint(sagemaker, names)
    if endpoint is None:
        return []
    weights = {
        one["VariantName"]: one["CurrentWeight"]
        for one in endpoint.get("ProductionVariants", [])
        if "CurrentWeight" in one
    }
    total = sum(weights.values())
    if not total:
        return []
    configuration = sagemaker.describe_endpoint_config(
        EndpointConfigName=endpoint["EndpointConfigName"]
    )
    return [
        Served(one["VariantName"], one["ModelName"], weights[one["VariantName"]] / total)
        for one in configuration["ProductionVariants"]
        if one["VariantName"] in weights
    ]


def endpoint_status(session: Any, names: Names) -> str:
    """SageMaker's word for what the endpoint is about."""
    endpoint = _endpoint(session.client("sagemaker"), names)
    return "not there" if endpoint is None else str(endpoint["EndpointStatus"])


def _endpoint(sagemaker: Any, names: Names) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=names.endpoint)
    except ClientError as error:
        if _is_missing(error):
            return None
        raise
    return found


def _described(sagemaker: Any, arn: str) -> Version:
    found = sagemaker.describe_model_package(ModelPackageName=arn)
    return Version(
        found["ModelPackageVersion"],
        found["ModelPackageArn"],
        found["ModelApprovalStatus"],
        found["CreationTime"],
        found.get("ApprovalDescription", ""),
        found.get("CustomerMetadataProperties", {}),
    )


def _is_missing(error: ClientError) -> bool:
    # SageMaker has no code of its own for it: ValidationException, "Could not find …"
    message = str(error.response["Error"].get("Message", error))
    return "Could not find" in message or "does not exist" in message
