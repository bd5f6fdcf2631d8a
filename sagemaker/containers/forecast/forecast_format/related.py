"""Derives related series from the series of a channel, so that a channel need not repeat them.

The related series of a series with the categories (device, pollutant) are the other pollutants of
its device, named by `related_name`, and `AREA`. Requests use the same names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from contracts.models.forecast_input import AREA, enough_for_area, related_name
from forecast_format.series import Floats, Series

Cat = tuple[int, ...]


def with_related(series: Sequence[Series]) -> list[Series]:
    """Return the same series, each with its related series.

    A series that already has related series keeps them; one without the two categories gets none.

    Parameters
    ----------
    series
        Series of one frequency; their starts and ends may differ.
    """
    known = [one for one in series if len(one.cat) == 2]
    if not known:
        return list(series)
    grid = _Grid(known)
    return [
        one if one.related or len(one.cat) != 2 else replace(one, related=grid.related(one))
        for one in series
    ]


class _Grid:
    """Series by category, and their means, on one time axis."""

    def __init__(self, series: Sequence[Series]) -> None:
        self._first = min(_step(one) for one in series)
        length = max(_step(one) + len(one.target) for one in series) - self._first
        self._values: dict[Cat, Floats] = {}
        for one in series:
            empty = np.full(length, np.nan, dtype=np.float32)
            row = self._values.setdefault(one.cat, empty)[self._span(one)]
            row[:] = np.where(np.isfinite(one.target), one.target, row)
        kinds = {kind for _, kind in self._values}
        self._area = {
            kind: mean_where_enough([row for cat, row in self._values.items() if cat[1] == kind])
            for kind in kinds
        }

    def related(self, series: Series) -> dict[str, Floats]:
        device, kind = series.cat
        span = self._span(series)
        others = {
            related_name(cat[1]): row[span]
            for cat, row in sorted(self._values.items())
            if cat[0] == device and cat[1] != kind
        }
        return {AREA: self._area[kind][span], **others}

    def _span(self, series: Series) -> slice:
        first = _step(series) - self._first
        return slice(first, first + len(series.target))


def mean_where_enough(rows: Sequence[Floats]) -> Floats:
    """Return the mean of rows, missing where fewer than `enough_for_area` have a value."""
    count = np.zeros(len(rows[0]), dtype=np.int64)
    total = np.zeros(len(rows[0]))
    for row in rows:  # one at a time: stacking them would double the memory
        there = np.isfinite(row)
        count += there
        total[there] += row[there]
    enough = count >= enough_for_area(len(rows))
    return np.where(enough, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _step(series: Series) -> int:
    """Return the ordinal number of the series' first step."""
    return int(series.start.ordinal) // int(series.start.freq.n)
