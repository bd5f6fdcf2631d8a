"""SageMaker on the laptop: runs jobs and endpoints as processes.

Each module serves one family of resources, such as `training_jobs` or `endpoints`; `parts` holds
what they share. `container` implements SageMaker's container contract, `images` maps images to
folders, `runtime` serves invocations.
"""

from __future__ import annotations

from localcloud.cloud.context import CloudContext, Service
from localcloud.services.sagemaker import admission
from localcloud.services.sagemaker.account import Account
from localcloud.services.sagemaker.options import Settings
from localcloud.services.sagemaker.service import SageMaker

__all__ = ["register"]


def register(context: CloudContext) -> Service:
    """Returns the service, not yet started."""
    account = Account(context)
    admission.admit(account)
    return SageMaker(account, Settings.read(context.project, context.environment))
