"""Names of what a version of the model becomes when it is deployed.

The name says everything that is in it. So a release that exists need not be made again, and whoever
looks at the endpoint sees which version it serves.
"""

from __future__ import annotations

from typing import Any

from contracts.models import naming
from contracts.names import Names


def newest_approved(group: str) -> dict[str, Any]:
    """Arguments of ``ListModelPackages`` that find a group's newest approved version."""
    return {
        "ModelPackageGroupName": group,
        "ModelApprovalStatus": "Approved",
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": 1,
    }


def configuration_name(names: Names, version: int, instance_type: str, instances: int) -> str:
    """Endpoint configuration that gives all traffic to a version."""
    return naming.model(names, version) + configuration_suffix(instance_type, instances)


def configuration_suffix(instance_type: str, instances: int) -> str:
    """What is appended to the model's name: ``-ml-m5-large-x2``."""
    return f"-{instance_type.replace('.', '-')}-x{instances}"
