"""The account, region and settings that the checks look at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from contracts.names import Names
from contracts.settings.schema import Settings
from infra.estate.place import Place

_QUICK = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3})


@dataclass(frozen=True)
class Account:
    """An account, as the current credentials see it.

    Parameters
    ----------
    session
        ``boto3.Session`` in the environment's region.
    backend
        Terraform's backend: ``local`` or ``s3``.
    home
        Folder for all local files.
    variables
        Environment variables of the process.
    """

    session: Any
    names: Names
    settings: Settings
    backend: str
    home: Path
    variables: Mapping[str, str]

    def client(self, service: str, region: str | None = None) -> Any:
        """Returns a boto3 client with short timeouts."""
        return self.session.client(service, config=_QUICK, region_name=region)


def account_of(place: Place) -> Account:
    """Returns the account of an environment, as the process's credentials see it."""
    return Account(
        session=boto3.Session(region_name=place.names.region),
        names=place.names,
        settings=place.settings,
        backend=place.backend,
        home=place.home,
        variables=os.environ,
    )
