"""Members that several requests share: role, key, tags, instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.names import Names

Arguments = dict[str, Any]
"""Arguments of an operation, as boto3 and Step Functions take them."""


@dataclass(frozen=True)
class Owner:
    """Role, key and tags of a job, model or endpoint configuration.

    Parameters
    ----------
    role
        ARN of the role that SageMaker takes on.
    key
        KMS key of what a job writes. Without it SageMaker takes the account's default key and not
        that of the bucket.
    """

    role: str
    key: str
    tags: Mapping[str, str]

    @classmethod
    def of(cls, names: Names, tags: Mapping[str, str], role: str = "sagemaker") -> Owner:
        """The owner within an environment, with one of its service roles."""
        return cls(names.role_arn(role), names.key_alias, tags)

    @property
    def tag_list(self) -> list[dict[str, str]]:
        """Tags as SageMaker takes them."""
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]


@dataclass(frozen=True)
class Instances:
    """The instance that a job runs on, its disk, and how long the job may take."""

    instance_type: str
    volume_gb: int
    max_runtime_seconds: int

    @property
    def stopping_condition(self) -> Arguments:
        return {"MaxRuntimeInSeconds": self.max_runtime_seconds}
