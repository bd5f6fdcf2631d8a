"""Commands that call the API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from contracts.messages.telemetry import POLLUTANTS
from contracts.models.forecast_input import DEFAULT_QUANTILES, HORIZON
from forecasting.api.client import ForecastRequest
from forecasting.cli import asking
from forecasting.cli.options import STATE, Environment, Hour, Pollutant, State, account

Device = Annotated[str, Parameter(help="Device id.", show_default=False)]


def forecast(
    *,
    device: Device = "",
    pollutant: Pollutant = POLLUTANTS[0],
    origin: Hour | None = None,
    horizon: Annotated[int, Parameter(validator=Number(gte=1, lte=HORIZON))] = HORIZON,
    quantiles: str = ",".join(DEFAULT_QUANTILES),
    env: Environment = "local",
) -> None:
    """Get a forecast from the API.

    Parameters
    ----------
    origin
        First hour of the forecast, such as 2024-05-01T00:00Z.
    horizon
        Hours, 1 to 24.
    quantiles
        Quantiles, separated by commas.
    """
    request = ForecastRequest(device, pollutant, origin, horizon, tuple(quantiles.split(",")))
    asking.forecast(*account(env), request, Console())


def evaluate(
    *,
    device: Device = "",
    pollutant: Pollutant = "particulate_matter",
    origin: Hour | None = None,
    days: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    output: Path | None = None,
    env: Environment = "local",
    state: State = STATE,
) -> None:
    """Compare forecasts of past days with the observed values.

    Parameters
    ----------
    origin
        First hour of the day to evaluate, such as 2024-05-01T00:00Z.
    days
        Number of last days to evaluate; default: those after the training data, seven at most.
    output
        Folder for forecast.png and summary.json; default: STATE/evaluation.
    """
    session, names = account(env)
    asking.evaluate(
        session,
        names,
        output or state / "evaluation",
        Console(),
        origin=origin,
        days=days,
        shown=(device, pollutant),
    )
