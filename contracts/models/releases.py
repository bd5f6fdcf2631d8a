"""Names of what a version of the model becomes when it is deployed.

The name says everything that is in it. So a release that exists need not be made again, and whoever
looks at the endpoint sees which version it serves.
"""

from __future__ import annotations

import re
from typing import Any

from contracts.names import Names


def newest_approved(names: Names) -> dict[str, Any]:
    """Arguments of ``ListModelPackages`` that find the newest approved version, if there is one."""
    return {
        "ModelPackageGroupName": names.model_package_group,
        "ModelApprovalStatus": "Approved",
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": 1,
    }


def model_name(names: Names, version: int) -> str:
    """SageMaker model of a version, ``lakecast-prod-forecast-v12``."""
    return f"{model_prefix(names)}{version}"


def model_prefix(names: Names) -> str:
    """What the names of all versions' models begin with."""
    return f"{names.model_package_group}-v"


def configuration_name(names: Names, version: int, instance_type: str, instances: int) -> str:
    """Endpoint configuration that gives all traffic to a version."""
    return model_name(names, version) + configuration_suffix(instance_type, instances)


def configuration_suffix(instance_type: str, instances: int) -> str:
    """What is appended to the model's name: ``-ml-m5-large-x2``."""
    return f"-{instance_type.replace('.', '-')}-x{instances}"


def version_of(names: Names, model: str) -> int | None:
    """The version that a SageMaker model was made of; None where it was made of a training job."""
    found = re.fullmatch(rf"{re.escape(model_prefix(names))}(\d+)", model)
    return int(found[1]) if found else None
