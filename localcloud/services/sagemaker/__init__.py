"""SageMaker on the laptop: jobs and endpoints that really run, as processes.

One module a family of resources (`training_jobs`, `models`, `endpoint_configs`, `endpoints`), over
what they share (`parts`); `container` knows SageMaker's container contract, `images` which folder
stands for which image, `runtime` answers invocations.
"""

from __future__ import annotations

from localcloud.cloud.context import CloudContext, Service
from localcloud.services.sagemaker import admission
from localcloud.services.sagemaker.account import Account
from localcloud.services.sagemaker.options import Settings
from localcloud.services.sagemaker.service import SageMaker

__all__ = ["register"]


def register(context: CloudContext) -> Service:
    """The service, ready to be started."""
    account = Account(context)
    admission.admit(account)
    return SageMaker(account, Settings.read(context.project, context.environment))
