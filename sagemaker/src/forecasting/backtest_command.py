"""``backtest``: a model's forecasts of months to a file, its errors beside the baselines'."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from forecasting import backtest, station_files
from forecasting.backtest import OVERALL, Plan, Score
from forecasting.forecasters import BANDS, BASELINES, forecaster

ScoresByModel = Mapping[str, Mapping[str, Score]]


def run(data: Path, plan: Plan, out: Path, console: Console, *, model: str, seed: int) -> None:
    """Backtest a model on a folder of CSV files, write its forecasts and print the errors.

    Raises
    ------
    ForecastingError
        The folder, the plan, the model or the file to write to is not usable.
    """
    rivals = [name for name in BASELINES if name != model]
    contestants = {name: forecaster(name, seed) for name in (model, *rivals)}
    found = {}
    with _progress(console) as progress:
        reading = progress.add_task("stations", total=None)
        history = station_files.read(data, lambda station: progress.update(reading, advance=1))
        progress.update(reading, total=len(history.stations), completed=len(history.stations))
        for name, contestant in contestants.items():
            task = progress.add_task(name, total=1.0)
            forecast = backtest.forecasts(
                contestant,
                history,
                plan,
                lambda share, task=task: progress.update(task, completed=share),  # type: ignore[misc]
            )
            found[name] = backtest.scores(history, plan, forecast)
            if name == model:
                backtest.write(out, backtest.table(history, plan, forecast))
    origins = plan.origins()
    console.print(
        f"{len(history.stations)} stations, {len(origins)} origins "
        f"{origins[0]:%Y-%m-%d} to {origins[-1]:%Y-%m-%d}, "
        f"trained on {plan.train_start:%Y-%m-%d} to {plan.train_end:%Y-%m-%d}",
        soft_wrap=True,
    )
    console.print(score_table(found))
    for line in verdict(found, model):
        console.print(line, soft_wrap=True)
    console.print(f"forecasts {out}", soft_wrap=True)


def score_table(found: ScoresByModel) -> Table:
    """Errors by pollutant, model by model; the lowest loss in bold."""
    table = Table(title="Errors of 24-hour forecasts, and the share that came within each band")
    for title in ("pollutant", "forecast"):
        table.add_column(title)
    for title in ("wQL", "ND", "MASE", *(f"{band} %" for band in BANDS)):
        table.add_column(title, justify="right")
    groups = next(iter(found.values()))
    for group in groups:
        losses = {
            name: scores[group].errors.weighted_quantile_loss for name, scores in found.items()
        }
        for name, scores in found.items():
            score = scores[group]
            numbers = (
                score.errors.weighted_quantile_loss,
                score.errors.normalized_deviation,
                score.errors.mean_absolute_scaled_error,
                *score.coverage.values(),
            )
            table.add_row(
                group if name == next(iter(found)) else "",
                name,
                *(f"{number:.4f}" for number in numbers[:3]),
                *(f"{number:.3f}" for number in numbers[3:]),
                style="bold" if losses[name] == min(losses.values()) else None,
            )
        table.add_section()
    return table


def verdict(found: ScoresByModel, model: str) -> list[str]:
    """A line a baseline: the ratio of the overall losses, and where the baseline is better."""
    lines = []
    mine = {group: score.errors.weighted_quantile_loss for group, score in found[model].items()}
    for name, scores in found.items():
        if name == model:
            continue
        theirs = {group: score.errors.weighted_quantile_loss for group, score in scores.items()}
        lost = [group for group in mine if group != OVERALL and mine[group] >= theirs[group]]
        line = f"{model} has {mine[OVERALL] / theirs[OVERALL]:.2f} times the loss of {name}"
        lines.append(f"{line}; not better on {', '.join(lost)}" if lost else line)
    return lines


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:20}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
