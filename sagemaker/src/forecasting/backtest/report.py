"""Output of a backtest: the table of errors, and the comparison with baselines and goals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from evaluation_container.scoring.scores import OVERALL, Score
from rich.box import SIMPLE_HEAD
from rich.table import Table

from contracts.models.forecast_input import BANDS

ScoresBySeed = Sequence[Mapping[str, Score]]
"""A model's scores by pollutant, for each of its seeds."""

GOALS: Mapping[str, Mapping[str, float]] = {
    "boosting": {"stock-deepar": 0.80, "own-lags": 0.95},
    "boosting, weather known": {"stock-deepar": 0.68},
    "deepar": {"stock-deepar": 0.90},
}
"""Goals: the maximum ratio of a model's overall loss to a baseline's."""

COVERAGE_GOAL = (0.77, 0.83)
"""Goal of the champion: the share of observed values within its 80 % band."""


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


def verdict(found: Mapping[str, ScoresBySeed]) -> list[str]:
    """Compare the first model: one line per baseline, and one on its 80 % band."""
    model, *baselines = found
    goals = GOALS.get(model, {})
    lines = []
    for name in baselines:
        ratio = _loss(found[model], OVERALL) / _loss(found[name], OVERALL)
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
    held = float(np.mean([scores[OVERALL].coverage[80] for scores in found[model]]))
    line = f"{held:.1%} of the observed values are within the 80 % band of {model}"
    if "own-lags" in goals:
        low, high = COVERAGE_GOAL
        met = "met" if low <= held <= high else "missed"
        line += f" (goal: {low:.0%} to {high:.0%}, {met})"
    return [*lines, line]


def _loss(scores: ScoresBySeed, group: str) -> float:
    return float(np.mean([one[group].errors.weighted_quantile_loss for one in scores]))


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
