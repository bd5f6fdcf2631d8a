"""Commands for the nightly forecasts and drift monitoring."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from forecasting.cli import monitor as monitoring
from forecasting.cli import nightly
from forecasting.cli.options import STATE, Environment, State, account


def forecast_batch(*, env: Environment = "local") -> None:
    """Forecast every series into the lake."""
    nightly.run(*account(env), Console())


def monitor(
    *, output: Path | None = None, env: Environment = "local", state: State = STATE
) -> None:
    """Compare the last week with the reference of the model.

    Parameters
    ----------
    output
        Folder for drift.html; default: STATE/monitoring.
    """
    session, names = account(env)
    monitoring.run(session, names, output or state / "monitoring", Console())
