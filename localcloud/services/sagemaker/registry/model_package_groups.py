"""Serves Create-, Describe-, List- and DeleteModelPackageGroup."""

from __future__ import annotations

import time
from typing import Any

from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.store import Record
from localcloud.services.sagemaker.listing import Order, page
from localcloud.services.sagemaker.parts import Parts
from localcloud.services.sagemaker.refusals import already_exists, validation

KIND = "model-package-group"
PACKAGE_KIND = "model-package"
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListModelPackageGroups.html
_ORDER = Order("ModelPackageGroupName")
_ECHOED = ("ModelPackageGroupName", "ModelPackageGroupDescription")
_SUMMARY = (
    "ModelPackageGroupName",
    "ModelPackageGroupArn",
    "ModelPackageGroupDescription",
    "CreationTime",
    "ModelPackageGroupStatus",
)


class ModelPackageGroups:
    """Operations on groups, which number the versions of a model and never reuse a number."""

    def __init__(self, parts: Parts) -> None:
        self._account = parts.account
        self._store = parts.store
        self._tags = parts.tags

    def create_model_package_group(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["ModelPackageGroupName"]
        arn = self._account.arn(KIND, name)
        with self._store.lock:
            if self._store.get(KIND, name):
                raise already_exists(KIND, arn)
            self._store.put(
                KIND,
                name,
                {
                    **{member: request[member] for member in _ECHOED if member in request},
                    "ModelPackageGroupArn": arn,
                    "ModelPackageGroupStatus": "Completed",
                    "CreationTime": time.time(),
                    "CreatedBy": {},
                    "LastVersion": 0,
                },
            )
            self._tags.set(arn, request.get("Tags", []))
        return {"ModelPackageGroupArn": arn}

    def describe_model_package_group(self, request: dict[str, Any]) -> dict[str, Any]:
        group = self.get(request["ModelPackageGroupName"])
        return {member: value for member, value in group.items() if member != "LastVersion"}

    def list_model_package_groups(self, request: dict[str, Any]) -> dict[str, Any]:
        found, following = page(self._store.all(KIND), request, _ORDER)
        summaries = [{key: one[key] for key in _SUMMARY if key in one} for one in found]
        return {"ModelPackageGroupSummaryList": summaries, **following}

    def delete_model_package_group(self, request: dict[str, Any]) -> None:
        with self._store.lock:
            group = self.get(request["ModelPackageGroupName"])
            name = group["ModelPackageGroupName"]
            if any(one.get("ModelPackageGroupName") == name for one in self._packages()):
                raise validation(
                    f"Model Package Group {group['ModelPackageGroupArn']} cannot be deleted "
                    "because it still contains Model Packages."
                )
            self._store.delete(KIND, name)
            self._tags.forget(group["ModelPackageGroupArn"])

    def get(self, name_or_arn: str) -> Record:
        """Returns the group; raises SageMaker's error if there is none."""
        self._account.check_region(name_or_arn)
        if not name_or_arn.startswith("arn:"):
            group = self._store.get(KIND, name_or_arn)
        else:
            groups = self._store.all(KIND)
            group = next(
                (one for one in groups if one["ModelPackageGroupArn"] == name_or_arn), None
            )
        if group is None:
            raise self._missing(name_or_arn.rpartition("/")[2])
        return group

    def next_version(self, name: str) -> int:
        """Reserves the number of a new version."""

        def count(group: Record) -> None:
            group["LastVersion"] += 1

        group = self._store.update(KIND, name, count)
        if group is None:
            raise self._missing(name)
        version: int = group["LastVersion"]
        return version

    def _missing(self, name: str) -> AwsError:
        """Returns the error for a missing group, by whose wording Terraform detects deletion."""
        return validation(f"ModelPackageGroup {self._account.arn(KIND, name)} does not exist.")

    def _packages(self) -> list[Record]:
        return self._store.all(PACKAGE_KIND)
