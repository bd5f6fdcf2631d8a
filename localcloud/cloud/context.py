"""What the local cloud gives to each service that it adds beside ministack, and asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from localcloud.cloud.aws_api import Handler


@dataclass(frozen=True)
class CloudContext:
    """The running cloud, as seen by a service in it.

    Parameters
    ----------
    home
        Folder with all of the cloud's state. A service keeps its own below ``home / <service>``.
    endpoint_url
        Where this cloud answers AWS's API.
    region, account_id
        The one region and account that it plays.
    project
        Root of the repository: where ``sagemaker/containers`` lies.
    python
        The interpreter that runs jobs and model servers.
    environment
        Environment of child processes: the server's own, with the AWS settings
        (``AWS_ENDPOINT_URL``, region, administrator's credentials) that make boto3 speak to this
        cloud.
    """

    home: Path
    endpoint_url: str
    region: str
    account_id: str
    project: Path
    python: Path
    environment: Mapping[str, str] = field(repr=False)


class Service(Protocol):
    """A service beside ministack; a module offers it as ``register(context) -> Service``."""

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by ministack's name of the service (``sagemaker``, ``glue``)."""
        ...

    async def start(self) -> None:
        """Take up the work left from the last run; called when ministack's state is loaded."""
        ...

    async def stop(self) -> None:
        """End all child processes and save the state; the server still answers meanwhile."""
        ...
