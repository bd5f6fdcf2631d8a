"""What each command does, between the command line and the parts that do the work."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from contracts.models.forecast_input import HORIZON, QUANTILES
from contracts.names import Names
from forecasting.api.client import Forecast, ForecastApi, ForecastRequest
from forecasting.errors import ForecastingError
from forecasting.jobs import training
from forecasting.releases import deployment
from forecasting.releases.deployment import Variant
from forecasting.settings import Settings

OUTCOME = ("train:final_loss", "test:mean_wQuantileLoss")
"""Metrics that say how a training went."""

SHOWN_QUANTILES = ("0.1", "0.5", "0.9")


def train(
    session: Any, names: Names, settings: Settings, algorithm: str | None, console: Console
) -> None:
    """Run a training job to its end; of the settings' algorithm where none is named."""
    algorithm = algorithm or settings.training.algorithm
    name = training.start(session, names, settings, algorithm, datetime.now(UTC))
    console.print(f"training job {name}")
    with console.status("Starting") as status:
        state = training.wait(session, name, lambda now: status.update(_progress(now)))
    figures = [
        f"{metric} {state.metrics[metric]:.4f}" for metric in OUTCOME if metric in state.metrics
    ]
    console.print(f"{name} completed: {', '.join(figures) or 'no metrics'}", soft_wrap=True)
    console.print("next: make deploy")


def deploy(
    session: Any,
    names: Names,
    settings: Settings,
    variants: Sequence[Variant],
    console: Console,
) -> None:
    """Put models behind the endpoint; the newest one where no variant is named."""
    chosen = list(variants) or [
        Variant(deployment.DEFAULT_VARIANT, training.latest_completed(session, names))
    ]
    with console.status(f"endpoint {names.endpoint}") as status:
        done = deployment.deploy(
            session,
            names,
            settings,
            chosen,
            report=lambda state: status.update(f"endpoint {names.endpoint}: {state}"),
        )
    verb = "already serves" if done.was_there else "serves"
    served = ", ".join(f"{one.name} ({one.model}, weight {one.weight:g})" for one in done.variants)
    console.print(f"endpoint {done.endpoint} {verb} {served}", soft_wrap=True)
    console.print("next: make forecast DEVICE=… POLLUTANT=ozone")


def forecast(session: Any, names: Names, request: ForecastRequest, console: Console) -> None:
    """Ask the API and print the answer."""
    from forecasting.api.tables import forecast_table  # noqa: PLC0415  (numpy, for this and evaluate)

    api = ForecastApi.find(session, names)
    if not request.device_id:
        devices = api.devices()
        known = ", ".join(devices[:10]) + (" …" if len(devices) > 10 else "")
        raise ForecastingError(
            f"name a device: make forecast DEVICE=…; known are {known or 'none'}"
        )
    console.print(forecast_table(api.forecast(request)))


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
    from forecasting.api import picture, tables, verification  # noqa: PLC0415  (1 s)
    from forecasting.lake import hourly_series  # noqa: PLC0415  (1 s)

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


def _progress(state: training.TrainingState) -> str:
    parts = [state.job, state.status if state.status in training.FINAL else state.phase]
    if "train:progress" in state.metrics:
        parts.append(f"{state.metrics['train:progress']:.0f} % of epochs")
    if "train:loss" in state.metrics:
        parts.append(f"loss {state.metrics['train:loss']:.3f}")
    return " · ".join(part for part in parts if part)
