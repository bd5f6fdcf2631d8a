"""The estate that a smoke test runs in, and the names of all that it creates.

Every name begins with a prefix of smoke tests, so that a later run finds what a killed one left.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

from contracts.lake import locations
from contracts.lake.locations import Location
from contracts.messages.telemetry import SMOKE_DEVICES
from contracts.names import Names
from contracts.settings.load import load
from contracts.settings.schema import Settings
from smoke.errors import HopError, SmokeError

TAG = "smoke"
"""Key of the tag with a run's id, on every resource that can have tags."""

SERVICES = ("sts", "iot", "s3", "glue", "sagemaker", "dynamodb", "apigateway")
"""Services that a smoke test calls; their addresses show whether the estate is on AWS."""


def device_prefix(environment: str) -> str:
    """Returns the start of the names of an environment's smoke devices."""
    return f"{SMOKE_DEVICES}{environment}-"


@dataclass(frozen=True)
class Place:
    """An environment, and one run of the smoke test in it.

    Parameters
    ----------
    run
        Id of the run; ids sort by time.
    folder
        Folder for kits and logs of this run.
    """

    session: Any
    names: Names
    settings: Settings
    run: str
    started: datetime
    folder: Path
    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @classmethod
    def find(cls, environment: str, state: Path) -> Place:
        """Finds the account of the current credentials, and names a new run.

        Raises
        ------
        SettingsError
            The environment's settings are invalid.
        SmokeError
            The region is not the environment's.
        """
        settings = load(environment)
        session = boto3.Session()
        lives_in = settings.environment.region
        region = session.region_name or lives_in
        if region is None or (lives_in is not None and region != lives_in):
            raise SmokeError(
                f"expected the region {lives_in or 'in AWS_REGION'}; got {region or 'none'}"
            )
        session = boto3.Session(region_name=region)
        now = datetime.now(UTC)
        run = f"{now:%y%m%d%H%M%S}{secrets.token_hex(1)}"
        folder = (state / "smoke" / environment / run).absolute()
        variables = {
            **{name: value for name, value in os.environ.items() if not _is_option(name)},
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "LAKECAST_ENV": environment,
        }
        names = Names.from_aws(session, environment)
        return cls(session, names, settings, run, now, folder, variables)

    @cached_property
    def devices(self) -> tuple[str, str]:
        """The two devices: one is provisioned through the API, one claims its certificate."""
        prefix = f"{device_prefix(self.names.environment)}{self.run}"
        return f"{prefix}-a", f"{prefix}-b"

    @property
    def model(self) -> str:
        """Name of the training job, the model, the endpoint and its configuration."""
        return f"{self.names.smoke_prefix}{self.run}"

    @property
    def tags(self) -> dict[str, str]:
        return self.settings.tags.of(self.names.environment) | {TAG: self.run}

    @property
    def tables(self) -> Location:
        """Place of the run's tables, in the bucket of the lake's tables."""
        return Location(
            locations.SMOKE_TABLES.purpose, f"{locations.SMOKE_TABLES.prefix}{self.run}/"
        )

    @property
    def models(self) -> Location:
        """Place of the run's channels and model, in the bucket of models."""
        return Location(
            locations.SMOKE_MODELS.purpose, f"{locations.SMOKE_MODELS.prefix}{self.run}/"
        )

    def client(self, service: str) -> Any:
        """Returns a boto3 client."""
        return self.session.client(service)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Host names of the called services, as evidence of where the run took place."""
        urls = (self.client(service).meta.endpoint_url for service in SERVICES)
        return tuple(sorted({url.split("//", 1)[1].split("/", 1)[0] for url in urls}))

    def verb(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a verb of another part in a process, keeps its output, and returns its result."""
        self.folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "lakecast", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=dict(self.variables),
        )
        with (self.folder / "verbs.log").open("a", encoding="utf-8") as log:
            log.write(f"$ lakecast {' '.join(words)}\n{done.stdout}{done.stderr}")
        return done

    def succeeds(self, *words: str) -> str:
        """Runs a verb and returns its standard output.

        Raises
        ------
        HopError
            The verb failed.
        """
        done = self.verb(*words)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise HopError(
                f"`lakecast {' '.join(words[:2])}` ended with code {done.returncode}: {last}",
                str(self.folder / "verbs.log"),
            )
        return done.stdout


_KEPT = ("MQTT_HOST", "MQTT_PORT", "MQTT_CA_FILE", "UNTHROTTLED", "TERRAFORM", "TERRAFORM_MIRROR")
"""Variables of the local cloud, which the verbs of devices read too."""


def _is_option(name: str) -> bool:
    """Returns whether a variable is an option of this verb, which other verbs would read too."""
    word = name.removeprefix("LAKECAST_")
    return name.startswith("LAKECAST_") and word not in _KEPT
