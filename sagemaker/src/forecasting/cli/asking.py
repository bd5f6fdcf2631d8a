"""Implements ``lakecast models forecast`` and ``evaluate``, which call the API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from contracts.names import Names
from forecasting.api import picture, tables, verification
from forecasting.api.client import ForecastApi, ForecastRequest
from forecasting.errors import ForecastingError
from forecasting.lake import hourly_series, training_end


def forecast(session: Any, names: Names, request: ForecastRequest, console: Console) -> None:
    """Calls the API and prints the response."""

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
    days: int | None,
    shown: tuple[str, str],
) -> None:
    """Forecasts past days through the API, and prints and saves the metrics.

    Parameters
    ----------
    origin
        First hour of the only day to evaluate; None evaluates several days.
    days
        Number of last days to evaluate; None evaluates the days after the training data.
    shown
        Device and pollutant of the plotted forecasts; an empty device is the first one.
    """

    with console.status("reading the hourly series"):
        lake = hourly_series.read(session, names)
        end = training_end.read(session, names)
    if origin is not None:
        origins: Sequence[datetime] = [origin]
    elif days is not None:
        origins = verification.last_days(lake, days)
    else:
        origins = verification.held_out(lake, end)
    with console.status("asking the API"):
        found = verification.evaluate(lake, ForecastApi.find(session, names), origins)
    key = _shown(found, *shown)
    image, summary = output / "forecast.png", output / "summary.json"
    picture.draw(lake, key, found.quantiles[key], image)
    summary.write_text(
        json.dumps(found.to_json(), indent=2, ensure_ascii=False, allow_nan=False), encoding="utf-8"
    )
    console.print(tables.day_table(found))
    console.print(tables.error_table(found))
    for line in tables.verdict(found.errors):
        console.print(line)
    if found.unobserved:
        console.print(f"{len(found.unobserved)} series had no data there and are left out")
    for refused, why in list(found.refused.items())[:5]:
        console.print(f"no forecast of {refused.pollutant} at {refused.device_id}: {why}")
    seen = [one for one in found.origins if end is not None and one < end]
    if seen:
        console.print(
            f"{len(seen)} of these days begin before {end:%Y-%m-%d %H:%M} UTC, where the training "
            "data end: a model that was trained on them does better there"
        )
    console.print(tables.conclusion(found, end))
    console.print(f"picture {image}, figures {summary}", soft_wrap=True)


def _shown(found: Any, device_id: str, pollutant: str) -> Any:
    for key in found.quantiles:
        if key.pollutant == pollutant and device_id in ("", key.device_id):
            return key
    raise ForecastingError(f"no forecast of {pollutant} at {device_id or 'any device'} to show")
