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
"""Maximum length of SageMaker's approval description, the reason for an approval or rejection."""


@dataclass(frozen=True)
class Version:
    """A model package.

    Parameters
    ----------
    status
        `APPROVED`, `PENDING` or `REJECTED`.
    reason
        Reason for the status.
    metadata
        Metadata from the run that registered it: metrics, data window, commit and so on
        (infra/modules/machines/retrain/registration.py).
    """

    number: int
    arn: str
    status: str
    created: datetime
    reason: str
    metadata: Mapping[str, str]

    def is_served_as(self, names: Names, model: str) -> bool:
        """Returns whether a SageMaker model is made from the version or from its training job."""
        return (
            naming.version_of(names, model) == self.number
            or self.metadata.get("training_job") == model
        )


def versions(session: Any, names: Names, limit: int) -> list[Version]:
    """Returns the newest versions, newest first.

    Raises
    ------
    ForecastingError
        The model package group does not exist.
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
    """Returns one version.

    Raises
    ------
    ForecastingError
        There is no version with that number.
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
    """Approves or rejects a version; the state machine ``rollout`` then updates the endpoint."""
    session.client("sagemaker").update_model_package(
        ModelPackageArn=one.arn,
        ModelApprovalStatus=status,
        ApprovalDescription=reason[:REASON_LIMIT],
    )


def newest_approved(session: Any, names: Names) -> int:
    """Returns the number of the newest approved version; 0 if there is none.

    Raises
    ------
    ForecastingError
        The model package group does not exist.
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
