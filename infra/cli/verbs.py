"""The commands of ``lakecast estate``: parses the command line and calls the implementation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from contracts.names import ENVIRONMENTS, Names
from contracts.settings.load import effective, load
from infra.cli import lifecycle
from infra.cli import preflight as checking
from infra.cli import scan as scanning
from infra.estate.place import Place, find
from infra.estate.synthesis import synthesise

CHANGES = 2
"""Exit code of ``drift`` if the estate differs from its code."""

State = Annotated[Path, Parameter(help="Folder for all local files.")]
Environment = Annotated[str, Parameter(choices=ENVIRONMENTS, help="Environment of the estate.")]
Backend = Annotated[
    Literal["local", "s3"] | None,
    Parameter(help="Terraform's backend; default: from the settings."),
]

Emails = Annotated[
    str | None,
    Parameter(help="E-mail addresses that receive alarms, with commas; others are removed."),
]

STATE = Path(".lakecast")
_ANY_ACCOUNT = "123456789012"
"""AWS's example account, to inspect the Terraform without an account."""


def tools(*, state: State = STATE) -> None:
    """Find Terraform, or fetch the pinned release."""
    print(f"Terraform is {lifecycle.terraform_for(state).binary}")


def settings(*, env: Environment = "local") -> None:
    """Print the settings in effect and the file of each."""
    print(*effective(env), sep="\n")


def preflight(*, env: Environment = "local", backend: Backend = None, state: State = STATE) -> int:
    """Check the account before a first apply."""
    return checking.preflight(env, state, backend)


def synth(
    *,
    env: Environment = "local",
    account: str = _ANY_ACCOUNT,
    region: str | None = None,
    state: State = STATE,
) -> None:
    """Write the Terraform of all stacks.

    Parameters
    ----------
    account
        Number of the AWS account, which is not called.
    region
        AWS region; default: from the settings, or eu-west-1.
    """
    region = region or load(env).environment.region or "eu-west-1"
    output = state / "synth"
    synthesise([env], Names(env, account, region), output)
    print(f"wrote {output / env}/<stack>/cdk.tf.json")


def plan(
    *,
    env: Environment = "local",
    lock: bool = True,
    alarm_emails: Emails = None,
    backend: Backend = None,
    state: State = STATE,
) -> None:
    """Show what would change and save the plan.

    Parameters
    ----------
    lock
        Hold the state's lock; without, reading the state is enough, as for a read-only role.
    """
    place = _place(env, backend, state)
    lifecycle.plan(place, save=True, lock=lock, alarm_emails=alarm_emails)


def apply(*, env: Environment = "local", backend: Backend = None, state: State = STATE) -> None:
    """Apply the saved plan."""
    lifecycle.apply(_place(env, backend, state))


def destroy(
    *,
    env: Environment = "local",
    confirm: str | None = None,
    backend: Backend = None,
    state: State = STATE,
) -> None:
    """Remove the estate, its releases and its devices.

    Parameters
    ----------
    confirm
        Name of the environment as a confirmation; required if the settings protect its data.
    """
    lifecycle.destroy(_place(env, backend, state), confirm)


def drift(
    *,
    env: Environment = "local",
    alarm_emails: Emails = None,
    backend: Backend = None,
    state: State = STATE,
) -> int:
    """Exit with 2 if the estate differs from its code."""
    plans = lifecycle.plan(_place(env, backend, state), save=False, alarm_emails=alarm_emails)
    return 0 if all(plan.is_empty for plan in plans) else CHANGES


def scan(*, state: State = STATE) -> int:
    """Run checkov on the Terraform of all environments."""
    return scanning.run(state)


def _place(environment: str, backend: str | None, state: Path) -> Place:
    return find(environment, state, backend, os.environ)
