"""Computes the feature table for gradient boosting from the hours before a forecast.

A row is one (origin, lead) of one series. All features except the calendar's and those known in
advance are computed from the `LOOK_BACK` hours before the origin. These are sliced first, so no
feature can use any other hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from forecast_format.series import Series

from boosting_container import first_hours
from boosting_container.windows import (
    DAY,
    LOOK_BACK,
    WEEK,
    Positions,
    Table,
    deviation,
    first_known,
    highest,
    hours_before,
    last,
    lowest,
    mean,
    same_hour,
)
from contracts.models.forecast_input import AREA

LAGS = (2, 3, 4, 6, 9, 12, 18, 24)
MEANS = (3, 6, 12, 24, 72, 168, 672)
RELATED_MEANS = (6, 24, 72)
AREA_MEANS = (3, 6, 24, 72, 168)
"""Hours of the means of the `AREA` series, which gets more features than other related series."""

AHEAD = 6
"""Number of features per series that is known in advance."""

SIZE = first_hours.COLUMNS
"""Column of the recent size of the values; finite. The trees of the later hours learn values in
this unit: most of a year's differences are those of its episodes, and a tree has few leaves."""

LEAST_SIZE = 0.05
"""Smallest size of values, in units of the series' mean: that of a series which is zero."""


@dataclass(frozen=True)
class Columns:
    """The columns of a feature table, fixed in training.

    Parameters
    ----------
    related
        Names of the related series; `AREA` is first if present.
    dynamic
        Number of features known in advance.
    """

    related: tuple[str, ...]
    dynamic: int

    @classmethod
    def of(cls, series: Sequence[Series]) -> Columns:
        """Return the columns that the training series provide."""
        names = sorted({name for one in series for name in one.related})
        return cls(
            tuple(sorted(names, key=lambda name: (name != AREA, name))),
            max((len(one.dynamic_feat) for one in series), default=0),
        )


def table(
    series: Series,
    columns: Columns,
    scales: Mapping[str, float],
    positions: Positions,
    horizon: int,
) -> Table:
    """Compute features, shape (origins, horizon, features).

    The first `first_hours.COLUMNS` are those of the first hours ahead; `SIZE` follows.

    Parameters
    ----------
    scales
        Divisors by name: of the target (``target``) and of each related series.
    positions
        Index of each forecast's first hour, at most the target's length.
    """
    own = hours_before(series.target / scales["target"], len(series.target), positions)
    related = {
        name: hours_before(
            series.related.get(name, _NOTHING) / scales.get(name, 1.0),
            len(series.target),
            positions,
        )
        for name in columns.related
    }
    area = related.get(AREA)
    at_origin = _at_origin(own, related)
    at_lead = np.concatenate(
        [
            _at_lead(own, area, horizon),
            _calendar(series, positions, horizon),
            _known_ahead(series, columns.dynamic, positions, horizon),
        ],
        axis=2,
        dtype=np.float32,
    )
    shape = (*at_lead.shape[:2], at_origin.shape[1])
    # a divisor of 1 means that the values are not divided by their mean, as it is no level
    usual = 0.0 if scales["target"] == 1.0 else 1.0
    first = first_hours.columns(own, area, usual, horizon)
    return np.concatenate([first, np.broadcast_to(at_origin[:, None], shape), at_lead], axis=2)


_NOTHING = np.empty(0, dtype=np.float32)


def _at_origin(own: Table, related: Mapping[str, Table]) -> Table:
    own_means = {hours: mean(own[:, -hours:]) for hours in MEANS}
    found = [_size(own_means), last(own), *(own[:, -lag] for lag in LAGS), *own_means.values()]
    for hours in (DAY, WEEK):
        found += [f(own[:, -hours:]) for f in (deviation, lowest, highest)]
    for name, windows in related.items():
        means = AREA_MEANS if name == AREA else RELATED_MEANS
        found.append(last(windows))
        found += [mean(windows[:, -hours:]) for hours in means]
    for windows in (own, *related.values()):
        found += _changes(windows)
    return np.stack(found, axis=-1)


def _size(means: Mapping[int, Table]) -> Table:
    """Return the recent size of the values: half their mean of a day, half that of a month.

    If neither a day nor a month nor the week between is known, it is the series' mean, 1.
    """
    day, week, month = (np.abs(means[hours]) for hours in (DAY, WEEK, LOOK_BACK))
    halves = first_known([day, week, month], 1) / 2, first_known([month, week, day], 1) / 2
    return np.asarray(halves[0] + halves[1] + LEAST_SIZE)


def _changes(windows: Table) -> list[Table]:
    """Return recent changes: a tree splits on single features, so differences need their own."""
    newest, day = last(windows), mean(windows[:, -DAY:])
    return [
        newest - mean(windows[:, -7:-4]),
        newest - mean(windows[:, -6:]),
        newest - mean(windows[:, -26:-23]),
        mean(windows[:, -6:]) - day,
        day - mean(windows[:, -2 * DAY : -DAY]),
        day - mean(windows[:, -3 * DAY : -DAY]),
        day - mean(windows[:, -WEEK:]),
    ]


def _at_lead(own: Table, area: Table | None, horizon: int) -> Table:
    """Return features of the same hour on previous days, shape (origins, horizon, features)."""
    same = same_hour(own, horizon)
    usual = mean(same)
    found = [same[..., -1], same[..., -2], same[..., -3], same[..., -7]]
    found += [mean(same[..., -7:]), highest(same[..., -7:]), lowest(same[..., -7:]), usual]
    found.append(usual - mean(own)[:, None])
    if area is not None:
        around = same_hour(area, horizon)
        found += [around[..., -1], mean(around[..., -7:])]
    return np.stack(found, axis=-1)


def _calendar(series: Series, positions: Positions, horizon: int) -> Table:
    start = np.datetime64(series.start.to_timestamp(), "h")
    hours = start + positions[:, None] + np.arange(horizon)
    day = hours.astype("datetime64[D]")
    angle = 2 * np.pi * (day - day.astype("datetime64[Y]")).astype(float) / 365.25
    hour = (hours - day).astype(int)
    numbers = (
        np.broadcast_to(np.arange(1, horizon + 1), hours.shape),
        hour,
        np.broadcast_to(hour[:, :1], hours.shape),  # of the origin
        (day.astype(int) + 3) % 7,  # 1970-01-01 was a Thursday
        np.sin(angle),
        np.cos(angle),
    )
    return np.stack([np.asarray(number, dtype=np.float32) for number in numbers], axis=-1)


def _known_ahead(series: Series, dynamic: int, positions: Positions, horizon: int) -> Table:
    found = np.full((len(positions), horizon, AHEAD * dynamic), np.nan, dtype=np.float32)
    for number, values in enumerate(series.dynamic_feat):
        found[..., AHEAD * number : AHEAD * (number + 1)] = _ahead(values, positions, horizon)
    return found


def _ahead(values: Table, positions: Positions, horizon: int) -> Table:
    """Return `AHEAD` features: each hour's known value, recent means and changes before it."""
    first_day = np.full(DAY, values[0])  # hours before the first take its value
    padded = np.concatenate([first_day, values]).astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(padded)])

    def mean(first: Positions, after: Positions) -> npt.NDArray[np.float64]:
        total = sums[DAY + after] - sums[DAY + first]
        return np.asarray(total / np.maximum(after - first, 1))

    at = positions[:, None] + np.arange(horizon)
    origin = np.minimum(positions, len(values))[:, None]
    after = np.minimum(at + 1, len(values))
    value, lately = padded[DAY - 1 + after], mean(after - 6, after)
    features = [
        value,
        value - padded[DAY - 1 + origin],
        lately,
        lately - mean(origin - DAY, origin),
        mean(after - DAY, after),
        mean(origin, after),
    ]
    return np.where((at < len(values))[..., None], np.stack(features, axis=-1), np.nan)
