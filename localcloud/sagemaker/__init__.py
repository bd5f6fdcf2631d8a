"""SageMaker on the laptop: jobs and endpoints that really run, as processes.

One module a family of resources (`training_jobs`, `models`, `endpoint_configs`, `endpoints`), over
what they share (`parts`); `container` knows SageMaker's container contract, `images` which folder
stands for which image, `runtime` answers invocations.
"""

from __future__ import annotations

from localcloud.context import CloudContext, Service
from localcloud.sagemaker import admission
from localcloud.sagemaker.account import Account
from localcloud.sagemaker.service import SageMaker
from localcloud.sagemaker.settings import Settings

__all__ = ["register"]


def register(context: CloudContext) -> Service:
    """The service, ready to be started."""
    account = Account(context)
    admission.admit(account)
    return SageMaker(account, Settings.read(context.project, context.environment))
