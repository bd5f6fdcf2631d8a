"""Objects that all families of resources share."""

from __future__ import annotations

from dataclasses import dataclass

from localcloud.cloud.store import Store
from localcloud.services.sagemaker.account import Account
from localcloud.services.sagemaker.cloudwatch import Telemetry
from localcloud.services.sagemaker.options import Settings
from localcloud.services.sagemaker.tags import Tags


@dataclass(frozen=True)
class Parts:
    """The shared objects."""

    account: Account
    store: Store
    settings: Settings
    telemetry: Telemetry
    tags: Tags
