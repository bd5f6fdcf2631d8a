"""What every family of resources works with."""

from __future__ import annotations

from dataclasses import dataclass

from localcloud.sagemaker.account import Account
from localcloud.sagemaker.settings import Settings
from localcloud.sagemaker.tags import Tags
from localcloud.sagemaker.telemetry import Telemetry
from localcloud.store import Store


@dataclass(frozen=True)
class Parts:
    """One of each, shared by all families."""

    account: Account
    store: Store
    settings: Settings
    telemetry: Telemetry
    tags: Tags
