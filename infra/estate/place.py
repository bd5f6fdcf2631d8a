"""Where a verb works: which environment, in which account, known by which names."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.errors import LakecastError
from contracts.names import Names
from contracts.settings.load import load
from contracts.settings.schema import Settings
from infra.modules.core.packaging import REPOSITORY

STACKS = ("data", "pipeline", "serving")
"""In the order in which they are applied; they are destroyed in the opposite one."""

_QUICK = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})


class PlaceError(LakecastError):
    """AWS can't be reached, or it is not where the environment lives."""


@dataclass(frozen=True)
class Place:
    """An environment as the process's environment leads to it.

    Parameters
    ----------
    endpoint_url
        Address that stands in for AWS's own; None is AWS.
    backend
        Where state is kept: ``local`` or ``s3``.
    home
        Folder of all that the verbs keep, ``.lakecast``.
    commit
        What is checked out.
    """

    names: Names
    settings: Settings
    endpoint_url: str | None
    backend: str
    home: Path
    commit: str

    @property
    def folder(self) -> Path:
        """All that a saved plan needs, and state where it is kept in files."""
        return self.home / "terraform" / self.names.environment

    def stack_folder(self, stack: str) -> Path:
        """The folder that Terraform runs in."""
        return self.folder / stack

    def data_folder(self, stack: str) -> Path:
        """Terraform's own: providers and backends. It is apart, as it weighs much and moves not."""
        return self.home / "terraform-data" / self.names.environment / stack

    @property
    def state(self) -> str:
        if self.backend == "local":
            return f"{self.folder}/<stack>/terraform.tfstate"
        return f"s3://{self.names.bucket('terraform-state')}/<stack>.tfstate"

    @property
    def cloud(self) -> str:
        return f"emulator at {self.endpoint_url}" if self.endpoint_url else "AWS"

    def facts(self) -> dict[str, str]:
        """What a plan is made for, and an apply must find again."""
        return {
            "environment": self.names.environment,
            "account": self.names.account_id,
            "region": self.names.region,
            "cloud": self.cloud,
            "state": self.state,
        }


def find(environment: str, home: Path, backend: str | None, variables: Mapping[str, str]) -> Place:
    """Ask AWS where we are.

    Parameters
    ----------
    backend
        Where state is kept, instead of where the settings say.
    variables
        The process's environment.

    Raises
    ------
    SettingsError
        The environment's settings are of no use.
    PlaceError
        No region or credentials, AWS does not answer, or the environment lives elsewhere.
    """
    settings = load(environment)
    lives_in = settings.environment.region
    session = boto3.Session()
    region = session.region_name or lives_in
    if region is None:
        raise PlaceError("no region: set AWS_REGION, or environment.region in the settings")
    if lives_in is not None and region != lives_in:
        raise PlaceError(
            f"{environment} lives in {lives_in}, but AWS_REGION says {region}: unset it, or change "
            f"environment.region in infra/environments/{environment}.toml"
        )
    endpoint_url = variables.get("AWS_ENDPOINT_URL")
    try:
        names = Names.from_aws(_Session(boto3.Session(region_name=region)), environment)
    except (BotoCoreError, ClientError) as error:
        raise PlaceError(_unreachable(endpoint_url, error)) from None
    return Place(
        names=names,
        settings=settings,
        endpoint_url=endpoint_url,
        backend=backend or settings.state.backend,
        home=home,
        commit=_commit(),
    )


class _Session:
    """A session whose clients give up soon."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.region_name = session.region_name

    def client(self, service: str) -> Any:
        return self._session.client(service, config=_QUICK)


def _unreachable(endpoint_url: str | None, error: Exception) -> str:
    where = f"the cloud at {endpoint_url}" if endpoint_url else "AWS"
    what_to_do = "is it running? `make up`" if endpoint_url else "log in, or set AWS_PROFILE"
    return f"{where} does not say whose account this is ({error}): {what_to_do}"


def _commit() -> str:
    """The commit, and whether the files differ from it."""

    def git(*arguments: str) -> str:
        answer = subprocess.run(
            ["git", "-C", str(REPOSITORY), *arguments], capture_output=True, text=True, check=False
        )
        return answer.stdout.strip() if answer.returncode == 0 else ""

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        changed = bool(git("status", "--porcelain", "--untracked-files=no"))
    except FileNotFoundError:  # git is not needed to run a release
        return os.environ.get("GITHUB_SHA", "unknown")
    if not commit:
        return "unknown"
    return f"{commit} with changes" if changed else commit
