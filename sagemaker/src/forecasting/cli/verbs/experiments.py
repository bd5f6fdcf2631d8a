"""The command ``experiments``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from forecasting.cli import experiments as work
from forecasting.cli.options import STATE, SettingsOptions, State, account


def experiments(
    *,
    show: bool = False,
    page_port: Annotated[int, Parameter(validator=Number(gte=1, lte=65535))] = 5000,
    tracking_uri: Annotated[str | None, Parameter(env_var="MLFLOW_TRACKING_URI")] = None,
    store: Path | None = None,
    place: SettingsOptions = SettingsOptions(),
    state: State = STATE,
) -> None:
    """Mirror all jobs to MLflow.

    Parameters
    ----------
    show
        Serve MLflow's page afterwards.
    page_port
        Port of the page.
    tracking_uri
        MLflow server; default: from the settings.
    store
        Folder of the local MLflow store; default: STATE/mlflow.
    """
    session, names = account(place.env)
    options = work.Options(store or state / "mlflow", tracking_uri, show, page_port)
    work.run(options, session, names, place.load(), Console())
