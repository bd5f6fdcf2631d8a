"""Builds tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from evaluation_container.scoring.metrics import Errors
from rich.table import Table

from forecasting.api.client import Forecast
from forecasting.api.verification import MODEL, OVERALL, ByForecaster, Evaluation

COLUMNS = (
    ("wQL", "weighted_quantile_loss"),
    ("ND", "normalized_deviation"),
    ("MASE", "mean_absolute_scaled_error"),
    ("in 80 %\nband", "coverage_80"),
)


def error_table(evaluation: Evaluation) -> Table:
    """Build the table of errors by pollutant and forecaster; the best loss in bold."""
    table = Table(title=f"Errors over {_days(evaluation)}")
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


def day_table(evaluation: Evaluation) -> Table:
    """Build the table of losses by day, averaged over pollutants; the best loss in bold."""
    table = Table(title="wQL of each day, mean of the pollutants")
    table.add_column("24 hours from (UTC)", no_wrap=True)
    for name in evaluation.errors:
        table.add_column(name.replace(" seasonal", "\nseasonal"), justify="right")
    table.add_column("in the model's\n80 % band", justify="right")
    for origin, errors in evaluation.by_day.items():
        table.add_row(_hour(origin), *_losses(errors))
    table.add_section()
    table.add_row("all days", *_losses(evaluation.errors))
    return table


def _losses(errors: ByForecaster) -> list[str]:
    losses = [_loss(by_group[OVERALL]) for by_group in errors.values()]
    cells = [f"[bold]{loss:.3f}[/]" if loss == min(losses) else f"{loss:.3f}" for loss in losses]
    return [*cells, f"{errors[MODEL][OVERALL].coverage_80:.2f}"]


def conclusion(evaluation: Evaluation, training_end: datetime | None) -> str:
    """Compare the model's loss over all days with the baselines' in one sentence."""
    model = evaluation.errors[MODEL][OVERALL]
    baselines = " and ".join(
        f"{_loss(by_group[OVERALL]):.3f} of {name}"
        for name, by_group in evaluation.errors.items()
        if name != MODEL
    )
    held_out = training_end is not None and min(evaluation.origins) >= training_end
    days = _days(evaluation, "held-out " if held_out else "")
    return (
        f"Over {days} the model's loss is {_loss(model):.3f}, against {baselines}; "
        f"{model.coverage_80:.0%} of the values lie in its 80 % band."
    )


def _days(evaluation: Evaluation, kind: str = "") -> str:
    origins = evaluation.origins
    return (
        f"{len(origins)} {kind}days"
        if len(origins) > 1
        else f"the {kind}day from {origins[0]:%Y-%m-%d %H:%M} UTC"
    )


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


def forecast_table(forecast: Forecast) -> Table:
    """Build the table of quantiles by hour."""
    title = f"{forecast.pollutant.replace('_', ' ')} at {forecast.device_id}, µg/m³"
    table = Table(title=f"{title} ({forecast.variant})" if forecast.variant else title)
    table.add_column("hour (UTC)")
    for name in forecast.quantiles:
        table.add_column(name, justify="right")
    for position, hour in enumerate(forecast.hours):
        cells = [f"{row[position]:.1f}" for row in forecast.quantiles.values()]
        table.add_row(_hour(hour), *cells)
    return table


def _loss(errors: Errors) -> float:
    return errors.weighted_quantile_loss


def _hour(hour: datetime) -> str:
    return f"{hour:%Y-%m-%d %H:%M}"
