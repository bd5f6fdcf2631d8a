"""Commands that list, approve, reject and deploy versions of the model."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Group, Parameter
from cyclopts.validators import mutually_exclusive
from rich.console import Console

from forecasting.cli import commands, registry
from forecasting.cli.options import Environment, SettingsOptions, VersionNumber, account
from forecasting.releases.deployment import DEFAULT_VARIANT, Variant

_CHOSEN = Group("Models", validator=mutually_exclusive)


def list_versions(*, version: VersionNumber | None = None, env: Environment = "local") -> None:
    """List versions of the model, and which one serves.

    Parameters
    ----------
    version
        Show all that is known of one version.
    """
    registry.models(*account(env), version, Console())


def approve(
    *, version: VersionNumber, reason: str = "approved by hand", env: Environment = "local"
) -> None:
    """Approve a version, which deploys it.

    Parameters
    ----------
    reason
        Reason that is stored with the version.
    """
    registry.approve(*account(env), version, reason, Console())


def reject(*, version: VersionNumber, reason: str, env: Environment = "local") -> None:
    """Reject a version, and roll back if it is live.

    Parameters
    ----------
    reason
        Reason that is stored with the version.
    """
    registry.reject(*account(env), version, reason, Console())


def deploy(
    *,
    variant: Annotated[tuple[str, ...], Parameter(group=_CHOSEN, consume_multiple=True)] = (),
    job: Annotated[str | None, Parameter(group=_CHOSEN)] = None,
    place: SettingsOptions = SettingsOptions(),
) -> None:
    """Deploy one or several models to the endpoint.

    Parameters
    ----------
    variant
        NAME=MODEL:WEIGHT, any number of times. MODEL is a training job, an algorithm (its newest
        job) or a version such as v3.
    job
        Training job to deploy; default: the newest completed one.
    """
    variants = [Variant.parse(text) for text in variant]
    if job:
        variants.append(Variant(DEFAULT_VARIANT, job))
    session, names = account(place.env)
    commands.deploy(session, names, place.load(), variants, Console())
