"""Settings of SageMaker in the local cloud."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Limits and timeouts; durations are in seconds.

    Parameters
    ----------
    containers
        Folders with one subfolder per image; the first that has the image's subfolder is used.
    concurrent_training_jobs
        Maximum number of running jobs; others wait in the secondary status Pending.
    concurrent_processing_jobs, concurrent_transform_jobs, concurrent_tuning_jobs
        Maximum number of running jobs; others wait.
    endpoint_instances
        Quota of the account: serving processes over all endpoints.
    stop_grace
        Time from SIGTERM to SIGKILL; 120 in SageMaker.
    startup_timeout
        Time until the first healthy ``/ping``; 480 in SageMaker.
    startup_attempts
        Number of starts of a container that exits before its first healthy ping.
    ping_interval, ping_timeout, ping_failures
        Health checks in service, and the number of consecutive failures before a restart.
    invocation_timeout
        Time for a container's response; 60 in SageMaker.
    publish_interval
        Time between batches of logs; metrics are sent every fifth time.
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
        """Reads the settings from environment variables.

        ``LAKECAST_CONTAINERS`` lists folders of containers, separated as in PATH, that take
        precedence over the repository's. ``LAKECAST_STARTUP_TIMEOUT`` is the timeout of the first
        healthy ping.
        """
        folders = environment.get("LAKECAST_CONTAINERS", "").split(os.pathsep)
        timeout = environment.get("LAKECAST_STARTUP_TIMEOUT")
        return cls(
            containers=(*(Path(f) for f in folders if f), root / "sagemaker" / "containers"),
            startup_timeout=float(timeout) if timeout else cls.startup_timeout,
        )
