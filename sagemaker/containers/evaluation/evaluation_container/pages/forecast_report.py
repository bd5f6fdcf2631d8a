"""One self-contained HTML page that says how good forecasts are: no script, nothing to fetch."""

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
    Score,
    Truth,
    loss_by_lead,
    loss_by_series,
    scores,
    share_below,
)

WORST = 10
"""Series that are shown because the model is worst on them."""

TOLERANCE = 0.03
"""A band within so much of what it promises counts as right."""

ScoresByName = Mapping[str, Mapping[str, Score]]


@dataclass(frozen=True)
class Report:
    """What a page is made of.

    Parameters
    ----------
    title
        What was judged.
    facts
        What was done, a sentence each.
    verdict
        What came of it, a sentence each.
    truth
        What was forecast, and what came.
    forecasts
        Shape (series, origins, hours, levels) by name; the first is the one that is judged.
    warning
        What has to be known before a figure is believed; shown on top.
    seeds
        The judged model's scores by seed, where it was trained from several.
    """

    title: str
    facts: Sequence[str]
    verdict: Sequence[str]
    truth: Truth
    forecasts: Mapping[str, Floats]
    warning: str = ""
    seeds: Mapping[int, Mapping[str, Score]] = field(default_factory=dict)

    def html(self) -> str:
        """The page."""
        found = {name: scores(self.truth, told) for name, told in self.forecasts.items()}
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
        curves = {name: loss_by_lead(self.truth, told) for name, told in self.forecasts.items()}
        return _section(
            "How the error grows with the hours ahead",
            "The further ahead, the harder. Lower is better; the mean of all pollutants.",
            _figure(charts.by_lead(curves)),
            _key(self.forecasts),
        )

    def _reliability(self) -> str:
        curves = {name: share_below(self.truth, told) for name, told in self.forecasts.items()}
        return _section(
            "Whether the bands keep their promise",
            "Of what came, a tenth should lie below the 10 % quantile, half below the median, and "
            "so on: a curve on the dashed line is right. Flatter than the line means that too "
            "much falls outside: the bands are too narrow.",
            _figure(charts.reliability(self.truth.levels, curves)),
            _key(self.forecasts),
        )

    def _fans(self) -> str:
        told = self.forecasts[self._chosen]
        bands = list(self.truth.bands().values())
        median = int(np.flatnonzero(np.isclose(self.truth.levels, 0.5))[0])
        drawn = []
        for one in examples(self.truth, told):
            at = (one.series, one.origin)
            picture = charts.fan(
                self.truth.before[at], told[at], bands, median, self.truth.actual[at]
            )
            drawn.append(_figure(picture, _caption(self.truth, one)))
        promised = ", ".join(f"{band} %" for band in self.truth.bands())
        key = (
            '<ul class="key"><li><i style="color:var(--soft)"></i>known before</li>'
            '<li><i style="color:var(--chosen)"></i>median of the forecast</li>'
            f'<li><i class="area" style="opacity:.4"></i>bands of {promised}</li>'
            '<li><i style="color:var(--came)"></i>what came</li></ul>'
        )
        return _section(
            "What the forecasts look like",
            "Of each pollutant one forecast whose error was the usual one, and one that was "
            "among the hardest twentieth.",
            key,
            f'<div class="charts">{"".join(drawn)}</div>',
        )

    def _worst(self) -> str:
        chosen, *rivals = (loss_by_series(self.truth, told) for told in self.forecasts.values())
        names = list(self.forecasts)[1:]
        rows = []
        for place in np.argsort(-np.nan_to_num(chosen))[:WORST]:
            cells = [_name(self.truth.stations[place]), _name(self.truth.pollutants[place])]
            cells.append(_cell(f"{chosen[place]:.3f}"))
            if rivals:
                best = min(range(len(rivals)), key=lambda at: rivals[at][place])
                rival = rivals[best][place]
                cells += [_name(names[best]), _cell(f"{rival:.3f}")]
                ratio = f"{chosen[place] / rival:.2f}" if rival else "–"
                cells.append(_cell(ratio, "bad" if chosen[place] > rival else "good"))
            missing = np.isnan(self.truth.actual[place]).mean()
            rows.append(_row([*cells, _cell(f"{missing:.0%}")]))
        heads = [_head("station", "name"), _head("pollutant", "name"), _head("error (wQL)")]
        if rivals:
            heads += [_head("best rival", "name"), _head("its error"), _head("ratio")]
        return _section(
            "Where it is worst",
            f"The series on which {self._chosen} has its largest errors, and the best of the "
            "others there. A ratio above 1 says that another forecast would have been better.",
            _grid([*heads, _head("not measured")], ["".join(rows)]),
        )


def _tiles(score: Score) -> str:
    errors = score.errors
    tiles = [
        (f"{errors.weighted_quantile_loss:.4f}", "error of all quantiles (wQL)"),
        (f"{errors.normalized_deviation:.4f}", "error of the median (ND)"),
        (f"{errors.mean_absolute_scaled_error:.3f}", "against repeating yesterday (MASE)"),
        *(
            (f"{share:.1%}", f"came within the {band} % band")
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
                _cell(f"{errors.mean_absolute_scaled_error:.4f}"),
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
        "of what came; MASE is the median's error against that of repeating yesterday, in the "
        "training. Lower is better. The last columns: the share of what came within the band, "
        "which should be what the band is called; green where it is, within 0.03.",
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
        "How much is luck",
        "The same training from other random numbers: its wQL by seed. A difference between "
        "models that is not clearly larger than the standard deviation says nothing.",
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


def _cell(text: str, style: str = "") -> str:
    return f'<td class="{style}">{escape(text)}</td>' if style else f"<td>{escape(text)}</td>"


def _name(text: str) -> str:
    return _cell(text, "name")


def _coverage(band: int, share: float) -> str:
    return _cell(f"{share:.3f}", "good" if abs(share - band / 100) <= TOLERANCE else "")
