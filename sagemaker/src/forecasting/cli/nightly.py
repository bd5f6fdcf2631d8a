"""Implements ``make forecast-batch``: runs the nightly forecasts of every series now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.console import Console

from contracts.lake.forecasts import with_observed_values
from contracts.lake.locations import FORECASTS
from contracts.models import drift_metrics
from contracts.names import Names
from forecasting.machines import executions


def run(session: Any, names: Names, console: Console) -> None:
    """Runs the state machine of the nightly forecasts; prints the result and how to view it.

    Raises
    ------
    ForecastingError
        No version of the model is approved, another run is in progress, or a step failed.
    """
    with console.status(names.nightly_machine) as status:
        done = executions.run(
            session,
            names,
            names.nightly_machine,
            {},
            lambda state: status.update(f"{names.nightly_machine}: {state}"),
        )
    rows, key = done["published"]["rows"], done["published"]["key"]
    console.print(
        f"{rows:,} rows of version {done['version']} in {FORECASTS.uri(names)}{key}",
        soft_wrap=True,
    )
    console.print(_drift_line(done["drift"]), soft_wrap=True)
    origin = datetime.fromisoformat(done["published"]["origin"])
    console.print("in Athena, with the observed values (none yet for the coming hours):")
    console.print(with_observed_values(f"= '{origin:%Y-%m-%d}'"), markup=False, soft_wrap=True)
    console.print("next: make monitor")


def _drift_line(found: dict[str, Any]) -> str:
    ratios = ", ".join(
        f"{name} {'not known yet' if found[name] is None else format(found[name], '.2f')}"
        for name in drift_metrics.METRICS
    )
    beyond = ", ".join(found["beyond"]) or "nothing"
    return f"drift, as shares of the limits: {ratios}; beyond a limit: {beyond}"
