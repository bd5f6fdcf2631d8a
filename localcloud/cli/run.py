"""Runs a command with the addresses and credentials of the local cloud."""

from __future__ import annotations

import os
from typing import Annotated

from cyclopts import Parameter

from localcloud.cli.options import State
from localcloud.cloud import launch
from localcloud.cloud.home import DEFAULT_HOME


def run(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True, show_env_var=False)],
    state: State = DEFAULT_HOME,
) -> None:
    """Run a command against the local cloud.

    Parameters
    ----------
    command
        The command and its arguments, after ``--``.
    """
    if not command:
        raise launch.LocalCloudError("expected a command: lakecast cloud run -- COMMAND …")
    cloud = launch.find(state)
    if cloud is None:
        raise launch.LocalCloudError(launch.NOT_RUNNING)
    try:
        os.execvpe(command[0], command, {**os.environ, **cloud.env})  # noqa: S606 - the very purpose
    except FileNotFoundError:
        raise launch.LocalCloudError(f"no such command: {command[0]}") from None
