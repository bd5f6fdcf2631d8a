"""Glue on the laptop: job runs that really run under Spark, crawlers that really read.

The data catalogue, triggers and workflows stay ministack's. `definitions` keeps jobs and crawlers
as AWS keeps them, `job_runs` and `job_run` run jobs, `crawlers` and `inference` crawl.
"""

from __future__ import annotations

from localcloud.cloud.context import CloudContext, Service
from localcloud.services.glue.service import Glue

__all__ = ["register"]


def register(context: CloudContext) -> Service:
    """The service, ready to be started."""
    return Glue(context)
