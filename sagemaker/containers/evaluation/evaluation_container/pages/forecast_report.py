"""Builds a self-contained HTML page on the quality of forecasts, without scripts or downloads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np

from evaluation_container.pages import charts
from evaluation_container.pages.examples import Example, examples
from evaluation_container.scoring.metrics import Floats
from evaluation_container.scoring.scores import (
    OVERALL,
    SHOWN_LEADS,
    Score,
    Truth,
    loss_by_lead,
    loss_by_series,
    losses_by_lead,
    scores,
    scores_by_hour,
    share_below,
)

WORST = 10
"""Number of series in the table of the model's largest errors."""

TOLERANCE = 0.03
"""Largest deviation from a band's nominal share that counts as calibrated."""

ScoresByName = Mapping[str, Mapping[str, Score]]


@dataclass(frozen=True)
class Report:
    """Content of a report.

    Parameters
    ----------
    title
        Title of the page.
    facts
        Sentences that describe the evaluation.
    verdict
        Sentences that state its result.
    truth
        Observed values and origins of the forecasts.
    forecasts
        Forecasts by name, shape (series, origins, hours, levels); the first is evaluated.
    warning
        Warning at the top of the page, such as a limit of the figures.
    seeds
        Scores of the evaluated model by random seed, if it was trained with several.
    """

    title: str
    facts: Sequence[str]
    verdict: Sequence[str]
    truth: Truth
    forecasts: Mapping[str, Floats]
    warning: str = ""
    seeds: Mapping[int, Mapping[str, Score]] = field(default_factory=dict)

    def html(self) -> str:
        """Build the page."""
        found = {name: scores(self.truth, values) for name, values in self.forecasts.items()}
        style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
        title = escape(self.title)
        return "\n".join(
            [
                '<!doctype html><html lang="en"><head><meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                f"<title>{title}</title><style>{style}</style></head><body>",
                f"<h1>{title}</h1>",
                *(f'<p class="soft">{escape(fact)}</p>' for fact in self.facts),
                f'<p class="warning">{escape(self.warning)}</p>' if self.warning else "",
                _tiles(next(iter(found.values()))[OVERALL]),
                '<ul class="verdict">',
                *(f"<li>{escape(line)}</li>" for line in self.verdict),
                "</ul>",
                _table(found),
                f'<div class="charts">{self._by_lead()}{self._reliability()}</div>',
                self._by_hour(),
                self._leads(),
                self._fans(),
                self._worst(),
                _seeds(self.seeds),
                "</body></html>",
            ]
        )

    @property
    def _chosen(self) -> str:
        return next(iter(self.forecasts))

    def _by_lead(self) -> str:
        curves = {name: loss_by_lead(self.truth, values) for name, values in self.forecasts.items()}
        return _section(
            "Error by hours ahead",
            "Mean of all pollutants; lower is better.",
            _figure(charts.by_lead(curves)),
            _key(self.forecasts),
        )

    def _leads(self) -> str:
        found = {name: losses_by_lead(self.truth, one) for name, one in self.forecasts.items()}
        leads = [lead for lead in SHOWN_LEADS if lead <= self.truth.actual.shape[2]]
        bodies = []
        for group in found[self._chosen]:
            best = np.min([losses[group] for losses in found.values()], axis=0)
            rows = []
            for name, losses in found.items():
                is_chosen = name == self._chosen
                cells = [_name(group if is_chosen else ""), _name(name)]
                for lead in leads:
                    loss = losses[group][lead - 1]
                    style = "best" if loss == best[lead - 1] else ""
                    cells.append(_cell(f"{loss:.3f}", style))
                rows.append(_row(cells, "chosen" if is_chosen else ""))
            bodies.append("".join(rows))
        heads = [_head("pollutant", "name"), _head("forecast", "name")]
        return _section(
            "Error by hours ahead and pollutant",
            "wQL. In the first hours, repeating the last value (persistence) is hard to beat.",
            _grid([*heads, *(_head(f"{lead} h") for lead in leads)], bodies),
        )

    def _by_hour(self) -> str:
        found = {name: scores_by_hour(self.truth, one) for name, one in self.forecasts.items()}
        hours = list(found[self._chosen])
        if len(hours) < 2:
            return ""
        rows = []
        for name, by_hour in found.items():
            cells = [_name(name)]
            for hour in hours:
                cells.append(_cell(f"{by_hour[hour].errors.weighted_quantile_loss:.4f}"))
                cells += [_coverage(80, by_hour[hour].coverage[80])]
            rows.append(_row(cells, "chosen" if name == self._chosen else ""))
        heads = [head for hour in hours for head in (f"{hour:02}:00", "80 % band")]
        return _section(
            "Error by hour of origin",
            "wQL of all pollutants and the share of observed values within the 80 % band, by the "
            "hour of the day from which is forecast.",
            _grid([_head("forecast", "name"), *map(_head, heads)], ["".join(rows)]),
        )

    def _reliability(self) -> str:
        curves = {name: share_below(self.truth, values) for name, values in self.forecasts.items()}
        return _section(
            "Calibration of the bands",
            "A tenth of the observed values should be below the 10 % quantile, half below the "
            "median, and so on: a calibrated forecast follows the dashed line. A curve flatter "
            "than the line means that the bands are too narrow.",
            _figure(charts.reliability(self.truth.levels, curves)),
            _key(self.forecasts),
        )

    def _fans(self) -> str:
        chosen = self.forecasts[self._chosen]
        bands = list(self.truth.bands().values())
        median = int(np.flatnonzero(np.isclose(self.truth.levels, 0.5))[0])
        drawn = []
        for one in examples(self.truth, chosen):
            at = (one.series, one.origin)
            picture = charts.fan(
                self.truth.before[at], chosen[at], bands, median, self.truth.actual[at]
            )
            drawn.append(_figure(picture, _caption(self.truth, one)))
        nominal = ", ".join(f"{band} %" for band in self.truth.bands())
        key = (
            '<ul class="key"><li><i style="color:var(--soft)"></i>history</li>'
            '<li><i style="color:var(--chosen)"></i>median of the forecast</li>'
            f'<li><i class="area" style="opacity:.4"></i>bands of {nominal}</li>'
            '<li><i style="color:var(--observed)"></i>observed</li></ul>'
        )
        return _section(
            "Examples",
            "For each pollutant, one forecast with a median error, and one whose error is among "
            "the largest 5 %.",
            key,
            f'<div class="charts">{"".join(drawn)}</div>',
        )

    def _worst(self) -> str:
        chosen, *baselines = (loss_by_series(self.truth, one) for one in self.forecasts.values())
        names = list(self.forecasts)[1:]
        rows = []
        for place in np.argsort(-np.nan_to_num(chosen))[:WORST]:
            cells = [_name(self.truth.stations[place]), _name(self.truth.pollutants[place])]
            cells.append(_cell(_number(chosen[place], 3)))
            if baselines:
                best = min(range(len(baselines)), key=lambda at: baselines[at][place])
                baseline = baselines[best][place]
                cells += [_name(names[best]), _cell(_number(baseline, 3))]
                ratio = _number(chosen[place] / baseline if baseline else np.nan, 2)
                cells.append(_cell(ratio, "bad" if chosen[place] > baseline else "good"))
            missing = np.isnan(self.truth.actual[place]).mean()
            rows.append(_row([*cells, _cell(f"{missing:.0%}")]))
        heads = [_head("station", "name"), _head("pollutant", "name"), _head("error (wQL)")]
        if baselines:
            heads += [_head("best baseline", "name"), _head("its error"), _head("ratio")]
        return _section(
            "Largest errors",
            f"The series with the largest errors of {self._chosen}, and the best other forecast of "
            "each. A ratio above 1 means that the other forecast was better.",
            _grid([*heads, _head("not measured")], ["".join(rows)]),
        )


def _tiles(score: Score) -> str:
    errors = score.errors
    tiles = [
        (f"{errors.weighted_quantile_loss:.4f}", "error of all quantiles (wQL)"),
        (f"{errors.normalized_deviation:.4f}", "error of the median (ND)"),
        (
            _number(errors.mean_absolute_scaled_error, 3),
            "error relative to repeating yesterday (MASE)",
        ),
        *(
            (f"{share:.1%}", f"of the observed values within the {band} % band")
            for band, share in score.coverage.items()
        ),
    ]
    drawn = "".join(
        f'<div class="tile"><b>{value}</b><span>{text}</span></div>' for value, text in tiles
    )
    return f'<div class="tiles">{drawn}</div>'


def _table(found: ScoresByName) -> str:
    chosen = next(iter(found))
    bands = list(found[chosen][OVERALL].coverage)
    groups = [OVERALL, *(group for group in found[chosen] if group != OVERALL)]
    bodies = []
    for group in groups:
        best = min(scores[group].errors.weighted_quantile_loss for scores in found.values())
        rows = []
        for name, by_group in found.items():
            errors = by_group[group].errors
            cells = [
                _name(group if name == chosen else ""),
                _name(name),
                _cell(
                    f"{errors.weighted_quantile_loss:.4f}",
                    "best" if errors.weighted_quantile_loss == best else "",
                ),
                _cell(f"{errors.normalized_deviation:.4f}"),
                _cell(_number(errors.mean_absolute_scaled_error, 4)),
                *(_coverage(band, by_group[group].coverage[band]) for band in bands),
            ]
            rows.append(_row(cells, "chosen" if name == chosen else ""))
        bodies.append("".join(rows))
    heads = [
        _head("pollutant", "name"),
        _head("forecast", "name"),
        *map(_head, ("wQL", "ND", "MASE")),
    ]
    return _section(
        "All figures",
        "wQL is the mean weighted quantile loss, ND the median's absolute error, both as a share "
        "of the observed values; MASE is the median's error relative to that of repeating "
        "yesterday in the training data. Lower is better. The last columns show the share of "
        "observed values within each band; green if within 0.03 of the nominal share.",
        _grid([*heads, *(_head(f"{band} % band") for band in bands)], bodies),
    )


def _seeds(seeds: Mapping[int, Mapping[str, Score]]) -> str:
    if len(seeds) < 2:
        return ""
    groups = list(next(iter(seeds.values())))
    rows = []
    for group in [OVERALL, *(name for name in groups if name != OVERALL)]:
        losses = [by_group[group].errors.weighted_quantile_loss for by_group in seeds.values()]
        spread = (float(np.mean(losses)), float(np.std(losses, ddof=1)))
        rows.append(_row([_name(group), *(_cell(f"{loss:.4f}") for loss in (*losses, *spread))]))
    heads = [_head("pollutant", "name"), *(_head(f"seed {seed}") for seed in seeds)]
    return _section(
        "Variation between seeds",
        "wQL of the same training with different random seeds. A difference between models is "
        "meaningful only if it is clearly larger than the standard deviation.",
        _grid([*heads, _head("mean"), _head("standard deviation")], ["".join(rows)]),
    )


def _caption(truth: Truth, example: Example) -> str:
    origin = truth.origins[example.origin]
    where = f"{truth.pollutants[example.series]} at {truth.stations[example.series]}"
    return f"{where}, from {origin:%Y-%m-%d %H:%M}: {example.kind}"


def _section(title: str, text: str, *parts: str) -> str:
    head = f'<h2>{escape(title)}</h2><p class="soft">{escape(text)}</p>'
    return f"<section>{head}{''.join(parts)}</section>"


def _figure(picture: str, caption: str = "") -> str:
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{picture}{below}</figure>"


def _key(names: Iterable[str]) -> str:
    entries = "".join(
        f'<li><i style="color:var({charts.colour(place)})"></i>{escape(name)}</li>'
        for place, name in enumerate(names)
    )
    return f'<ul class="key">{entries}</ul>'


def _grid(heads: Sequence[str], bodies: Sequence[str]) -> str:
    rows = "".join(f"<tbody>{body}</tbody>" for body in bodies)
    return f'<div class="wide"><table><thead><tr>{"".join(heads)}</tr></thead>{rows}</table></div>'


def _row(cells: Sequence[str], style: str = "") -> str:
    return f'<tr class="{style}">{"".join(cells)}</tr>' if style else f"<tr>{''.join(cells)}</tr>"


def _head(text: str, style: str = "") -> str:
    return f'<th class="{style}">{escape(text)}</th>' if style else f"<th>{escape(text)}</th>"


def _number(value: float, digits: int) -> str:
    """Format a figure; an undefined one is a dash."""
    return f"{value:.{digits}f}" if np.isfinite(value) else "–"


def _cell(text: str, style: str = "") -> str:
    return f'<td class="{style}">{escape(text)}</td>' if style else f"<td>{escape(text)}</td>"


def _name(text: str) -> str:
    return _cell(text, "name")


def _coverage(band: int, share: float) -> str:
    return _cell(f"{share:.3f}", "good" if abs(share - band / 100) <= TOLERANCE else "")
