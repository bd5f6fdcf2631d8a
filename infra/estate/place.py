"""Finds the environment, account and region that a command works on."""

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
"""Stacks in the order in which they are applied; they are destroyed in reverse order."""

_QUICK = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})


class PlaceError(LakecastError):
    """AWS can't be reached, or its region or account is not the environment's."""


@dataclass(frozen=True)
class Place:
    """An environment in the account and region of the current credentials.

    Parameters
    ----------
    endpoint_url
        Endpoint of an emulator; None for AWS.
    backend
        Terraform's backend: ``local`` or ``s3``.
    home
        Folder for all local files of the commands, ``.lakecast``.
    commit
        Commit that is checked out.
    """

    names: Names
    settings: Settings
    endpoint_url: str | None
    backend: str
    home: Path
    commit: str

    @property
    def folder(self) -> Path:
        """The folder of the saved plan, and of the state with the ``local`` backend."""
        return self.home / "terraform" / self.names.environment

    def stack_folder(self, stack: str) -> Path:
        """The folder that Terraform runs in."""
        return self.folder / stack

    def data_folder(self, stack: str) -> Path:
        """Terraform's data folder, with providers; separate, as it is large and not portable."""
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
        """Facts that must be the same when a plan is made and when it is applied."""
        return {
            "environment": self.names.environment,
            "account": self.names.account_id,
            "region": self.names.region,
            "cloud": self.cloud,
            "state": self.state,
        }


def find(environment: str, home: Path, backend: str | None, variables: Mapping[str, str]) -> Place:
    """Finds the account and region through AWS.

    Parameters
    ----------
    backend
        Terraform's backend, instead of the settings' one.
    variables
        Environment variables of the process.

    Raises
    ------
    SettingsError
        The environment's settings are invalid.
    PlaceError
        No region or credentials, AWS does not answer, or the environment is in another region or
        account.
    """
    settings = load(environment)
    lives_in = settings.environment.region
    session = boto3.Session()
    region = session.region_name or lives_in
    if region is None:
        raise PlaceError("no region: set AWS_REGION, or environment.region in the settings")
    if lives_in is not None and region != lives_in:
        raise PlaceError(
            f"{environment} is in {lives_in}, but AWS_REGION is {region}: unset it, or change "
            f"environment.region in infra/environments/{environment}.toml"
        )
    endpoint_url = variables.get("AWS_ENDPOINT_URL")
    try:
        names = Names.from_aws(_Session(boto3.Session(region_name=region)), environment)
    except (BotoCoreError, ClientError) as error:
        raise PlaceError(_unreachable(endpoint_url, error)) from None
    account = settings.environment.account
    if account is not None and names.account_id != account:
        raise PlaceError(
            f"{environment} is in the account {account}, but these credentials are of "
            f"{names.account_id}: use others, or change environment.account in "
            f"infra/environments/{environment}.toml"
        )
    return Place(
        names=names,
        settings=settings,
        endpoint_url=endpoint_url,
        backend=backend or settings.state.backend,
        home=home,
        commit=_commit(),
    )


class _Session:
    """A session whose clients have short timeouts."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.region_name = session.region_name

    def client(self, service: str) -> Any:
        return self._session.client(service, config=_QUICK)


def _unreachable(endpoint_url: str | None, error: Exception) -> str:
    where = f"the cloud at {endpoint_url}" if endpoint_url else "AWS"
    what_to_do = "is it running? `make up`" if endpoint_url else "log in, or set AWS_PROFILE"
    return f"{where} did not return the account ({error}): {what_to_do}"


def _commit() -> str:
    """Returns the commit, and whether the files differ from it."""

    def git(*arguments: str) -> str:
        answer = subprocess.run(
            ["git", "-C", str(REPOSITORY), *arguments], capture_output=True, text=True, check=False
        )
        return answer.stdout.strip() if answer.returncode == 0 else ""

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        changed = bool(git("status", "--porcelain", "--untracked-files=no"))
    except FileNotFoundError:  # a release runs without git
        return os.environ.get("GITHUB_SHA", "unknown")
    if not commit:
        return "unknown"
    return f"{commit} with changes" if changed else commit
