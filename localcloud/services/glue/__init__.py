"""Glue on the laptop: runs jobs under Spark and crawls S3.

ministack serves the data catalogue, triggers and workflows. `definitions` stores jobs and crawlers
as AWS does, `runs` runs jobs, `crawlers` crawls.
"""

from __future__ import annotations

from localcloud.cloud.context import CloudContext, Service
from localcloud.services.glue.service import Glue

__all__ = ["register"]


def register(context: CloudContext) -> Service:
    """Returns the service, not yet started."""
    return Glue(context)
