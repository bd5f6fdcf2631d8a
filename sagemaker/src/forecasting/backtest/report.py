"""Output of a backtest: tables of errors, and the comparison with baselines and goals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from evaluation_container.scoring.metrics import Floats
from evaluation_container.scoring.scores import OVERALL, SHOWN_LEADS, Score
from rich.box import SIMPLE_HEAD
from rich.table import Table

from contracts.models.forecast_input import BANDS

Group = TypeVar("Group", str, int)

ScoresBySeed = Sequence[Mapping[str, Score]]
"""A model's scores by pollutant, for each of its seeds."""

LossesBySeed = Sequence[Mapping[str, Floats]]
"""A model's losses by lead, by pollutant, for each of its seeds."""

HourScoresBySeed = Sequence[Mapping[int, Score]]
"""A model's overall scores by the origins' hour of the day, for each of its seeds."""

GOALS: Mapping[str, Mapping[str, float]] = {
    "boosting": {"stock-deepar": 0.80, "own-lags": 0.95},
    "boosting, weather known": {"stock-deepar": 0.68},
    "deepar": {"stock-deepar": 0.90},
}
"""Goals: the maximum ratio of a model's overall loss to a baseline's."""

HOUR_GOALS: Mapping[str, Mapping[str, float]] = {"boosting": {"persistence": 0.74}}
"""Goals: the maximum ratio of a model's loss to a baseline's at every hour of origin."""

LEAD_GOALS: Mapping[str, Sequence[str]] = {"boosting": ("persistence", "deepar")}
"""Goals: baselines whose loss is higher than a model's at every lead, for every pollutant."""

COVERAGE_GOAL = (0.77, 0.84)
"""Goal of the champion: the share of observed values within its 80 % band, at every hour of
origin."""


def score_table(found: Mapping[str, ScoresBySeed]) -> Table:
    """Build the table of errors by pollutant and model; the lowest loss in bold, ± over seeds."""
    table = Table(
        title="Errors of 24-hour forecasts, and the share of observed values within each band",
        box=SIMPLE_HEAD,
    )
    for title in ("pollutant", "forecast"):
        table.add_column(title)
    for title in ("wQL", "ND", "MASE", *(f"{band} %" for band in BANDS)):
        table.add_column(title, justify="right")
    first = next(iter(found))
    for group in found[first][0]:
        losses = {name: _loss(scores, group) for name, scores in found.items()}
        for name, scores in found.items():
            table.add_row(
                group if name == first else "",
                name,
                *_numbers([by_group[group] for by_group in scores]),
                style="bold" if losses[name] == min(losses.values()) else None,
            )
        table.add_section()
    return table


def hour_table(found: Mapping[str, HourScoresBySeed]) -> Table:
    """Build the table by hour of origin: each model's loss and the share within its 80 % band."""
    table = Table(
        title="wQL by hour of origin, and the share of observed values within the 80 % band",
        box=SIMPLE_HEAD,
    )
    table.add_column("forecast")
    hours = list(next(iter(found.values()))[0])
    for hour in hours:
        table.add_column(f"{hour:02}:00", justify="right")
        table.add_column("80 %", justify="right")
    for name, scores in found.items():
        cells = []
        for hour in hours:
            cells += [f"{_loss(scores, hour):.4f}", f"{_covered(scores, hour):.3f}"]
        table.add_row(name, *cells)
    return table


def lead_table(found: Mapping[str, LossesBySeed]) -> Table:
    """Build the table by hours ahead, pollutant and model; the lowest loss of a lead in bold."""
    table = Table(title="wQL by hours ahead", box=SIMPLE_HEAD)
    for title in ("pollutant", "forecast"):
        table.add_column(title)
    first = next(iter(found))
    leads = [lead for lead in SHOWN_LEADS if lead <= len(found[first][0][OVERALL])]
    for lead in leads:
        table.add_column(f"{lead} h", justify="right")
    for group in found[first][0]:
        losses = {name: _by_lead(seeds, group) for name, seeds in found.items()}
        best = np.min(list(losses.values()), axis=0)
        for name, loss in losses.items():
            cells = [
                f"[bold]{loss[lead - 1]:.3f}[/bold]"
                if loss[lead - 1] == best[lead - 1]
                else f"{loss[lead - 1]:.3f}"
                for lead in leads
            ]
            table.add_row(group if name == first else "", name, *cells)
        table.add_section()
    return table


def verdict(found: Mapping[str, ScoresBySeed]) -> list[str]:
    """Compare the first model: one line per baseline, and one on its 80 % band."""
    model, *baselines = found
    goals = GOALS.get(model, {})
    lines = []
    for name in baselines:
        ratio = _ratio(_loss(found[model], OVERALL), _loss(found[name], OVERALL))
        lost = [
            group
            for group in found[model][0]
            if group != OVERALL and _loss(found[model], group) >= _loss(found[name], group)
        ]
        line = f"{model} has {ratio:.3f} times the loss of {name}"
        if name in goals:
            met = "met" if ratio <= goals[name] else "missed"
            line += f" (goal: at most {goals[name]:.2f}, {met})"
        lines.append(f"{line}; not better on {', '.join(lost)}" if lost else line)
    held = _covered(found[model], OVERALL)
    line = f"{held:.1%} of the observed values are within the 80 % band of {model}"
    if "own-lags" in goals:
        low, high = COVERAGE_GOAL
        met = "met" if low <= held <= high else "missed"
        line += f" (goal: {low:.0%} to {high:.0%}, {met})"
    return [*lines, line]


def hour_verdict(found: Mapping[str, HourScoresBySeed]) -> list[str]:
    """Compare the first model at its worst hours of origin: per baseline, and its 80 % band."""
    model, *baselines = found
    hours = list(found[model][0])
    goals = HOUR_GOALS.get(model, {})
    lines = []
    for name in baselines:
        ratios = {
            hour: _ratio(_loss(found[model], hour), _loss(found[name], hour)) for hour in hours
        }
        worst = max(ratios, key=lambda hour: ratios[hour])
        line = f"from {worst:02}:00, its worst hour, {model} has {ratios[worst]:.3f} times the loss"
        line += f" of {name}"
        if name in goals:
            met = "met" if ratios[worst] <= goals[name] else "missed"
            line += f" (goal: at most {goals[name]:.2f}, {met})"
        lines.append(line)
    held = [_covered(found[model], hour) for hour in hours]
    line = f"by hour of origin, {min(held):.1%} to {max(held):.1%} are within its 80 % band"
    if goals:
        low, high = COVERAGE_GOAL
        met = "met" if low <= min(held) and max(held) <= high else "missed"
        line += f" (goal: {low:.0%} to {high:.0%}, {met})"
    return [*lines, line]


def lead_verdict(found: Mapping[str, LossesBySeed]) -> list[str]:
    """Compare the first model with each baseline at the lead and pollutant where it is worst."""
    model, *baselines = found
    goals = LEAD_GOALS.get(model, ())
    lines = []
    for name in baselines:
        ratios = _ratios_by_lead(found[model], found[name])
        if not ratios:
            continue
        ratio, group, lead = max(ratios)
        line = (
            f"{lead} h ahead of {group}, where it is worst, {model} has {ratio:.3f} times the loss"
        )
        line += f" of {name}"
        if name in goals:
            line += f" (goal: below 1, {'met' if ratio < 1 else 'missed'})"
        lines.append(line)
    return lines


def _ratios_by_lead(mine: LossesBySeed, theirs: LossesBySeed) -> list[tuple[float, str, int]]:
    """Return ratio, pollutant and lead wherever both were measured and the divisor is not zero."""
    return [
        (float(loss / other), group, lead)
        for group in mine[0]
        if group != OVERALL
        for lead, (loss, other) in enumerate(
            zip(_by_lead(mine, group), _by_lead(theirs, group), strict=True), start=1
        )
        if other > 0 and np.isfinite(loss)
    ]


def _by_lead(seeds: LossesBySeed, group: str) -> Floats:
    return np.asarray(np.mean([one[group] for one in seeds], axis=0))


def _loss(scores: Sequence[Mapping[Group, Score]], group: Group) -> float:
    return float(np.mean([one[group].errors.weighted_quantile_loss for one in scores]))


def _ratio(loss: float, baseline: float) -> float:
    """Return the ratio of two losses; to a baseline without any loss, 1 if equal, else infinity."""
    if baseline == 0:
        return 1.0 if loss == 0 else math.inf
    return loss / baseline


def _covered(scores: Sequence[Mapping[Group, Score]], group: Group) -> float:
    return float(np.mean([one[group].coverage[80] for one in scores]))


def _numbers(scores: Sequence[Score]) -> list[str]:
    """Format each figure's mean over the seeds, and the standard deviation of errors."""
    errors = np.array(
        [
            (
                one.errors.weighted_quantile_loss,
                one.errors.normalized_deviation,
                one.errors.mean_absolute_scaled_error,
            )
            for one in scores
        ]
    )
    cells = [f"{mean:.4f}" for mean in errors.mean(axis=0)]
    if len(scores) > 1:
        spread = errors.std(axis=0, ddof=1)
        cells = [f"{mean} ±{sd:.4f}" for mean, sd in zip(cells, spread, strict=True)]
    coverage = np.array([list(one.coverage.values()) for one in scores]).mean(axis=0)
    return [*cells, *(f"{share:.3f}" for share in coverage)]
