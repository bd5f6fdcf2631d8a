"""Draws the report's charts: plain SVG with the page's colours, in light and dark mode."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from evaluation_container.scoring.metrics import Floats

WIDTH, HEIGHT = 560, 270
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 40
TICKS = 5

LEAST_HEIGHT = 1e-6
"""Least height of a vertical axis: values that are all zero have none of their own."""


@dataclass(frozen=True)
class Plane:
    """A chart's drawing area, and the values at its edges."""

    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, value: float) -> float:
        """Return the horizontal position of a value."""
        share = (value - self.x[0]) / (self.x[1] - self.x[0])
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def down(self, value: float) -> float:
        """Return the vertical position of a value."""
        share = (value - self.y[0]) / (self.y[1] - self.y[0])
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def points(self, xs: Floats, ys: Floats) -> str:
        return " ".join(
            f"{self.across(x):.1f},{self.down(y):.1f}" for x, y in zip(xs, ys, strict=True)
        )

    def line(self, xs: Floats, ys: Floats, style: str, colour: str = "") -> str:
        """Draw a curve that is interrupted where a value is missing."""
        there = np.isfinite(ys)
        runs = np.split(np.arange(len(ys)), np.flatnonzero(np.diff(there)) + 1)
        stroke = f' style="stroke:var({colour})"' if colour else ""
        return "".join(
            f'<polyline class="{style}"{stroke} points="{self.points(xs[run], ys[run])}"/>'
            for run in runs
            if there[run[0]] and len(run) > 1
        )

    def dots(self, xs: Floats, ys: Floats, style: str, colour: str = "") -> str:
        fill = f' style="fill:var({colour})"' if colour else ""
        return "".join(
            f'<circle class="{style}"{fill} r="2.4" '
            f'cx="{self.across(x):.1f}" cy="{self.down(y):.1f}"/>'
            for x, y in zip(xs, ys, strict=True)
            if np.isfinite(y)
        )

    def area(self, xs: Floats, low: Floats, high: Floats) -> str:
        there = f"{self.points(xs, low)} {self.points(xs[::-1], high[::-1])}"
        return f'<polygon class="band" points="{there}"/>'

    def drawn(
        self, label: str, marks: str, x_ticks: Mapping[float, str], titles: tuple[str, str]
    ) -> str:
        """Return the whole chart: the marks with grid, ticks and the titles of both axes."""
        parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">']
        for value in ticks(*self.y):
            height = self.down(value)
            parts.append(
                f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" '
                f'y1="{height:.1f}" y2="{height:.1f}"/>'
                f'<text x="{LEFT - 6}" y="{height + 4:.1f}" text-anchor="end">{value:g}</text>'
            )
        for value, text in x_ticks.items():
            parts.append(
                f'<text x="{self.across(value):.1f}" y="{HEIGHT - BOTTOM + 16}" '
                f'text-anchor="middle">{escape(text)}</text>'
            )
        middle = (TOP + HEIGHT - BOTTOM) / 2
        parts.append(
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" '
            f'text-anchor="middle">{escape(titles[0])}</text>'
            f'<text transform="translate(12 {middle}) rotate(-90)" '
            f'text-anchor="middle">{escape(titles[1])}</text>'
        )
        return "".join([*parts, marks, "</svg>"])


def ticks(low: float, high: float) -> list[float]:
    """Return about `TICKS` round values between two values."""
    rough = (high - low) / TICKS
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def colour(place: int) -> str:
    """Return the page's colour variable of a forecast; the first is the evaluated model's."""
    return "--chosen" if place == 0 else f"--baseline-{(place - 1) % 8}"


def by_lead(curves: Mapping[str, Floats]) -> str:
    """Draw the error by hours ahead; the first curve is highlighted."""
    hours = np.arange(1.0, len(next(iter(curves.values()))) + 1)
    top = 1.05 * max(LEAST_HEIGHT, *(float(np.nanmax(curve)) for curve in curves.values()))
    plane = Plane((1, len(hours)), (0, top))
    shown = {float(hour): f"{hour:g}" for hour in hours if hour == 1 or hour % 6 == 0}
    marks = _curves(plane, {name: (hours, curve) for name, curve in curves.items()})
    return plane.drawn("error by hours ahead", marks, shown, ("hours ahead", "error (wQL)"))


def reliability(levels: Floats, curves: Mapping[str, Floats]) -> str:
    """Draw the observed share at or below each quantile against the nominal share."""
    plane = Plane((0, 100), (0, 100))
    ends = np.array([0.0, 100.0])
    marks = plane.line(ends, ends, "curve ideal")
    shares = {name: (100 * levels, 100 * curve) for name, curve in curves.items()}
    marks += _curves(plane, shares)
    marks += plane.dots(*next(iter(shares.values())), "chosen", colour(0))
    shown = {value: f"{value:g}" for value in ticks(*plane.x)}
    titles = ("nominal % at or below the quantile", "observed %")
    return plane.drawn("nominal against observed shares", marks, shown, titles)


def fan(
    before: Floats, forecast: Floats, bands: Sequence[tuple[int, int]], median: int, actual: Floats
) -> str:
    """Draw one forecast: history, bands and median, and the observed values.

    Parameters
    ----------
    forecast
        Quantiles, shape (hours, levels).
    bands
        Indices of each band's bounds among the levels.
    """
    past, ahead = np.arange(-len(before), 0.0), np.arange(float(len(actual)))
    values = np.concatenate([before, actual, forecast.max(axis=1)])
    top = 1.05 * max(LEAST_HEIGHT, float(np.nanmax(values)))
    plane = Plane((-len(before), len(actual) - 1), (min(0.0, float(np.nanmin(values))), top))
    marks = "".join(plane.area(ahead, forecast[:, low], forecast[:, high]) for low, high in bands)
    start = plane.across(0)
    marks += (
        f'<line class="origin" x1="{start:.1f}" x2="{start:.1f}" '
        f'y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
    )
    marks += plane.line(past, before, "past") + plane.line(ahead, forecast[:, median], "median")
    marks += plane.line(ahead, actual, "observed") + plane.dots(ahead, actual, "dot")
    shown = {float(h): f"{h:+d} h" if h else "origin" for h in range(-len(before), len(actual), 12)}
    return plane.drawn("forecast and observed values", marks, shown, ("", "µg/m³"))


def _curves(plane: Plane, curves: Mapping[str, tuple[Floats, Floats]]) -> str:
    """Draw all curves, the first one last, so that it is on top."""
    drawn = [
        f"<g><title>{escape(name)}</title>"
        + plane.line(xs, ys, "curve" if place else "curve chosen", colour(place))
        + "</g>"
        for place, (name, (xs, ys)) in enumerate(curves.items())
    ]
    return "".join(reversed(drawn))
