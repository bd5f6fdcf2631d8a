"""Interface between the local cloud and the services that it adds to ministack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from localcloud.cloud.aws_api import Handler


@dataclass(frozen=True)
class CloudContext:
    """Properties of the running cloud that services need.

    Parameters
    ----------
    home
        Folder with all of the cloud's state. A service stores its own in ``home / <service>``.
    endpoint_url
        Endpoint of AWS's API.
    region, account_id
        The only region and account of the cloud.
    project
        Root folder of the repository, which contains ``sagemaker/containers``.
    python
        Interpreter of jobs and model servers.
    environment
        Environment of child processes: the server's environment with the AWS settings
        (``AWS_ENDPOINT_URL``, region, administrator's credentials) that point boto3 to this cloud.
    """

    home: Path
    endpoint_url: str
    region: str
    account_id: str
    project: Path
    python: Path
    environment: Mapping[str, str] = field(repr=False)


class Service(Protocol):
    """A service added to ministack; its module provides ``register(context) -> Service``."""

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by ministack's name of the service, such as ``glue``."""
        ...

    async def start(self) -> None:
        """Resumes the work of the last run; called after ministack has loaded its state."""
        ...

    async def stop(self) -> None:
        """Ends all child processes and saves the state, while the server still accepts requests."""
        ...
