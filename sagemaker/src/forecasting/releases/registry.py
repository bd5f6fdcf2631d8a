"""Versions of the model in SageMaker's model registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from contracts.models import naming, releases
from contracts.names import Names
from forecasting.errors import ForecastingError, is_missing

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


def versions(session: Any, names: Names, limit: int) -> list[Version]:
    """The newest versions, the newest first.

    Raises
    ------
    ForecastingError
        There is no group of versions.
    """
    arguments = {
        "ModelPackageGroupName": names.model_package_group,
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": limit,
    }
    sagemaker = session.client("sagemaker")
    return [_described(sagemaker, one["ModelPackageArn"]) for one in _listed(sagemaker, arguments)]


def version(session: Any, names: Names, number: int) -> Version:
    """One version.

    Raises
    ------
    ForecastingError
        There is none of that number.
    """
    arn = names.arn("sagemaker", f"model-package/{names.model_package_group}/{number}")
    try:
        return _described(session.client("sagemaker"), arn)
    except ClientError as error:
        if not is_missing(error):
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


def newest_approved(session: Any, names: Names) -> int:
    """Number of the newest approved version; 0 without one.

    Raises
    ------
    ForecastingError
        There is no group of versions.
    """
    arguments = releases.newest_approved(names.model_package_group)
    listed = _listed(session.client("sagemaker"), arguments)
    return int(listed[0]["ModelPackageVersion"]) if listed else 0


def _listed(sagemaker: Any, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    try:
        listed = sagemaker.list_model_packages(**arguments)
    except ClientError as error:
        if not is_missing(error):
            raise
        raise ForecastingError(
            f"there is no model package group {arguments['ModelPackageGroupName']}: run "
            "`make plan` and `make apply` first"
        ) from None
    found: list[dict[str, Any]] = listed["ModelPackageSummaryList"]
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
