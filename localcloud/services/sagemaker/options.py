"""What can be set about SageMaker in the local cloud."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Limits and patience; durations in seconds.

    Parameters
    ----------
    containers
        Folders in which each image has one with ``train`` and ``serve``; the first found wins.
    concurrent_training_jobs
        Further jobs wait in the secondary status Pending.
    concurrent_processing_jobs, concurrent_transform_jobs, concurrent_tuning_jobs
        Further jobs wait.
    endpoint_instances
        The account's quota: processes that serve, over all endpoints.
    stop_grace
        From SIGTERM to SIGKILL; SageMaker gives 120.
    startup_timeout
        Until ``/ping`` must have answered; SageMaker gives 480.
    startup_attempts
        How often a container that dies before its first healthy ping is started.
    ping_interval, ping_timeout, ping_failures
        Health checks once in service, and after how many failures in a row it is started anew.
    invocation_timeout
        SageMaker gives a container 60 s for an answer.
    publish_interval
        Between batches of logs; metrics take five times that.
    """

    containers: tuple[Path, ...]
    concurrent_training_jobs: int = 2
    concurrent_processing_jobs: int = 2
    concurrent_transform_jobs: int = 2
    concurrent_tuning_jobs: int = 1
    endpoint_instances: int = 8
    stop_grace: float = 30
    startup_timeout: float = 480
    startup_attempts: int = 2
    ping_interval: float = 5
    ping_timeout: float = 10
    ping_failures: int = 3
    invocation_timeout: float = 60
    publish_interval: float = 1

    @classmethod
    def read(cls, root: Path, environment: Mapping[str, str]) -> Settings:
        """The repository's containers after those of ``LAKECAST_CONTAINERS``, a list like PATH.

        ``LAKECAST_STARTUP_TIMEOUT`` shortens or lengthens the wait for a first healthy ping.
        """
        folders = environment.get("LAKECAST_CONTAINERS", "").split(os.pathsep)
        timeout = environment.get("LAKECAST_STARTUP_TIMEOUT")
        return cls(
            containers=(*(Path(f) for f in folders if f), root / "sagemaker" / "containers"),
            startup_timeout=float(timeout) if timeout else cls.startup_timeout,
        )
