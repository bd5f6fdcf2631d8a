"""Options that several verbs of models take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import boto3
from cyclopts import Parameter, Token
from cyclopts.validators import Number

from contracts.messages.telemetry import POLLUTANTS
from contracts.models.algorithms import ALGORITHMS
from contracts.names import ENVIRONMENTS, Names
from contracts.settings.load import FOLDER, load
from contracts.settings.schema import Settings
from contracts.times import utc_time

STATE = Path(".lakecast")


def _hour(_: object, tokens: Sequence[Token]) -> datetime:
    hour = utc_time(tokens[0].value)
    if (hour.minute, hour.second, hour.microsecond) != (0, 0, 0):
        raise ValueError(f"expected a full hour; got {tokens[0].value!r}")
    return hour


def _time(_: object, tokens: Sequence[Token]) -> datetime:
    return utc_time(tokens[0].value)


def _version(_: object, tokens: Sequence[Token]) -> int:
    digits = tokens[0].value.removeprefix("v")
    if not digits.isdecimal():
        raise ValueError(f"expected a version such as 3; got {tokens[0].value!r}")
    return int(digits)


Algorithm = Annotated[
    str | None,
    Parameter(choices=tuple(ALGORITHMS), help="Algorithm; default: from the settings."),
]
Count = Annotated[int, Parameter(validator=Number(gte=1))]
Environment = Annotated[str, Parameter(choices=ENVIRONMENTS, help="Environment of the estate.")]
Hour = Annotated[datetime, Parameter(converter=_hour)]
Pollutant = Annotated[str, Parameter(choices=POLLUTANTS, help="Pollutant of the forecast.")]
State = Annotated[Path, Parameter(help="Folder for all local files.")]
Time = Annotated[datetime, Parameter(converter=_time)]
VersionNumber = Annotated[int, Parameter(converter=_version, help="Version, such as 3.")]


@Parameter(name="*")
@dataclass(frozen=True)
class SettingsOptions:
    """An environment and its settings.

    Parameters
    ----------
    env
        Environment of the estate.
    settings
        Folder of the environments' settings; default: the repository's.
    """

    env: Environment = "local"
    settings: Annotated[Path, Parameter(show_default=False)] = FOLDER

    def load(self) -> Settings:
        """Read the settings."""
        return load(self.env, self.settings)


def account(environment: str) -> tuple[Any, Names]:
    """A session of boto3, and the names of the environment in its account."""
    session = boto3.Session()
    return session, Names.from_aws(session, environment)
