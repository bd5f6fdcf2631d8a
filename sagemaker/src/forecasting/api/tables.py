"""Builds tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
from evaluation_container.scoring.metrics import Errors, Floats
from rich.table import Table

from forecasting.api.client import Forecast
from forecasting.api.verification import MODEL, Evaluation

COLUMNS = (
    ("wQL", "weighted_quantile_loss"),
    ("ND", "normalized_deviation"),
    ("MASE", "mean_absolute_scaled_error"),
    ("in 80 % band", "coverage_80"),
)


def error_table(evaluation: Evaluation) -> Table:
    """Build the table of errors by pollutant and forecaster; the best loss in bold."""
    table = Table(title=f"Errors of the 24 hours from {evaluation.origin:%Y-%m-%d %H:%M} UTC")
    table.add_column("pollutant")
    table.add_column("forecast")
    for title, _ in COLUMNS:
        table.add_column(title, justify="right")
    forecasters = list(evaluation.errors)
    for group in evaluation.errors[MODEL]:
        best = min(forecasters, key=lambda name: _loss(evaluation.errors[name][group]))
        for name in forecasters:
            cells = [
                f"{getattr(evaluation.errors[name][group], field):.3f}" for _, field in COLUMNS
            ]
            style = "bold" if name == best else None
            first = group.replace("_", " ") if name == forecasters[0] else ""
            table.add_row(first, name, *cells, style=style)
        table.add_section()
    return table


def verdict(errors: Mapping[str, Mapping[str, Errors]]) -> list[str]:
    """Compare the quantile loss with each baseline: one line per baseline."""
    lines = []
    groups = list(errors[MODEL])[:-1]
    for name in errors:
        if name == MODEL:
            continue
        lost = [g for g in groups if _loss(errors[MODEL][g]) >= _loss(errors[name][g])]
        won = f"{MODEL} beats {name} on {len(groups) - len(lost)} of {len(groups)} pollutants"
        lines.append(f"{won}, not on {', '.join(lost)}" if lost else won)
    return lines


def forecast_table(forecast: Forecast, actual: Floats | None = None) -> Table:
    """Build the table of quantiles by hour, with the observed values if they are known."""
    title = f"{forecast.pollutant.replace('_', ' ')} at {forecast.device_id}, µg/m³"
    table = Table(title=f"{title} ({forecast.variant})" if forecast.variant else title)
    table.add_column("hour (UTC)")
    for name in forecast.quantiles:
        table.add_column(name, justify="right")
    if actual is not None:
        table.add_column("observed", justify="right")
    for position, hour in enumerate(forecast.hours):
        cells = [f"{row[position]:.1f}" for row in forecast.quantiles.values()]
        if actual is not None:
            cells.append(_number(actual[position]))
        table.add_row(_hour(hour), *cells)
    return table


def _loss(errors: Errors) -> float:
    return errors.weighted_quantile_loss


def _number(value: float) -> str:
    return f"{value:.1f}" if np.isfinite(value) else "–"


def _hour(hour: datetime) -> str:
    return f"{hour:%Y-%m-%d %H:%M}"
