"""What ``lakecast models forecast`` and ``evaluate`` do: ask the API, and print what it answers."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from contracts.models.forecast_input import HORIZON, QUANTILES
from contracts.names import Names
from forecasting.api import picture, tables, verification
from forecasting.api.client import Forecast, ForecastApi, ForecastRequest
from forecasting.errors import ForecastingError
from forecasting.lake import hourly_series

SHOWN_QUANTILES = ("0.1", "0.5", "0.9")


def forecast(session: Any, names: Names, request: ForecastRequest, console: Console) -> None:
    """Ask the API and print the answer."""

    api = ForecastApi.find(session, names)
    if not request.device_id:
        devices = api.devices()
        known = ", ".join(devices[:10]) + (" …" if len(devices) > 10 else "")
        raise ForecastingError(
            f"name a device: make forecast DEVICE=…; known are {known or 'none'}"
        )
    console.print(tables.forecast_table(api.forecast(request)))


def evaluate(
    session: Any,
    names: Names,
    output: Path,
    console: Console,
    *,
    origin: datetime | None,
    shown: tuple[str, str],
) -> None:
    """Forecast a past day over the API, print and keep how good that was.

    Parameters
    ----------
    shown
        Device and pollutant of the forecast that is printed and drawn; an empty device is the
        first one.
    """

    with console.status("reading the hourly series"):
        lake = hourly_series.read(session, names)
    origin = origin or verification.default_origin(lake)
    with console.status("asking the API"):
        found = verification.evaluate(lake, ForecastApi.find(session, names), origin)
    key = _shown(found, *shown)
    quantiles = found.quantiles[key]
    image, summary = output / "forecast.png", output / "summary.json"
    picture.draw(lake, key, origin, quantiles, image)
    summary.write_text(json.dumps(found.to_json(), indent=2, ensure_ascii=False), encoding="utf-8")
    columns = {name: quantiles[:, QUANTILES.index(name)] for name in SHOWN_QUANTILES}
    console.print(
        tables.forecast_table(
            Forecast(
                device_id=key.device_id,
                pollutant=key.pollutant,
                hours=tuple(origin + number * hourly_series.HOUR for number in range(HORIZON)),
                quantiles={name: tuple(column) for name, column in columns.items()},
                mean=(),
                variant="",
            ),
            lake.between(key, origin, HORIZON),
        )
    )
    console.print(tables.error_table(found))
    for line in tables.verdict(found.errors):
        console.print(line)
    if found.unobserved:
        console.print(f"{len(found.unobserved)} series had no data there and are left out")
    for refused, why in list(found.refused.items())[:5]:
        console.print(f"no forecast of {refused.pollutant} at {refused.device_id}: {why}")
    console.print(f"picture {image}, figures {summary}", soft_wrap=True)


def _shown(found: Any, device_id: str, pollutant: str) -> Any:
    for key in found.quantiles:
        if key.pollutant == pollutant and device_id in ("", key.device_id):
            return key
    raise ForecastingError(f"no forecast of {pollutant} at {device_id or 'any device'} to show")
