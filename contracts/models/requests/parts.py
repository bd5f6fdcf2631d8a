"""Members that several requests share: role, key, tags, instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.names import Names

Arguments = dict[str, Any]
"""Arguments of an operation, for boto3 and Step Functions."""


@dataclass(frozen=True)
class Owner:
    """Role, key, tags and region of a job, model or endpoint configuration.

    Parameters
    ----------
    role
        ARN of the role that SageMaker assumes.
        key
            KMS key of a job's output. Without it, SageMaker uses the account's default key instead
            of the bucket's.
    """

    role: str
    key: str
    tags: Mapping[str, str]
    region: str

    @classmethod
    def of(cls, names: Names, tags: Mapping[str, str], role: str = "sagemaker") -> Owner:
        """Builds the owner in an environment, with one of its service roles."""
        return cls(names.role_arn(role), names.key_alias, tags, names.region)

    @property
    def tag_list(self) -> list[dict[str, str]]:
        """Returns the tags in SageMaker's format."""
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]


@dataclass(frozen=True)
class Instances:
    """A job's instance type, disk size and time limit."""

    instance_type: str
    volume_gb: int
    max_runtime_seconds: int

    @property
    def stopping_condition(self) -> Arguments:
        return {"MaxRuntimeInSeconds": self.max_runtime_seconds}
