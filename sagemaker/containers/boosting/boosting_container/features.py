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

from contracts.models.forecast_input import AREA

DAY = 24
WEEK = 7 * DAY
LOOK_BACK = 4 * WEEK
LAGS = (2, 3, 4, 6, 9, 12, 18, 24)
MEANS = (3, 6, 12, 24, 72, 168, 672)
RELATED_MEANS = (6, 24, 72)
AREA_MEANS = (3, 6, 24, 72, 168)
"""Hours of the means of the `AREA` series, which gets more features than other related series."""

AHEAD = 6
"""Number of features per series that is known in advance."""

LAST_WITHIN = 6
"""Number of hours that are searched for the last value if the newest is missing."""

Table = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]


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

    Parameters
    ----------
    scales
        Divisors by name: of the target (``target``) and of each related series.
    positions
        Index of each forecast's first hour, at most the target's length.
    """
    own = _windows(series.target / scales["target"], len(series.target), positions)
    related = {
        name: _windows(
            series.related.get(name, _NOTHING) / scales.get(name, 1.0),
            len(series.target),
            positions,
        )
        for name in columns.related
    }
    at_origin = _at_origin(own, related)
    at_lead = np.concatenate(
        [
            _at_lead(own, related.get(AREA), horizon),
            _calendar(series, positions, horizon),
            _known_ahead(series, columns.dynamic, positions, horizon),
        ],
        axis=2,
        dtype=np.float32,
    )
    shape = (*at_lead.shape[:2], at_origin.shape[1])
    return np.concatenate([np.broadcast_to(at_origin[:, None], shape), at_lead], axis=2)


_NOTHING = np.empty(0, dtype=np.float32)


def _windows(values: Table, length: int, positions: Positions) -> Table:
    """Return the hours before each position, shape (origins, `LOOK_BACK`); NaN before the first.

    If there are fewer values than ``length``, they are aligned with the end of the target.
    """
    padding = np.full(LOOK_BACK + length - len(values), np.nan, dtype=np.float32)
    padded = np.concatenate([padding, values]).astype(np.float32)
    views = np.lib.stride_tricks.sliding_window_view(padded, LOOK_BACK)
    return np.asarray(views[positions])


def _at_origin(own: Table, related: Mapping[str, Table]) -> Table:
    found = [_last(own), *(own[:, -lag] for lag in LAGS)]
    found += [_mean(own[:, -hours:]) for hours in MEANS]
    for hours in (DAY, WEEK):
        found += [f(own[:, -hours:]) for f in (_deviation, _lowest, _highest)]
    for name, windows in related.items():
        means = AREA_MEANS if name == AREA else RELATED_MEANS
        found.append(_last(windows))
        found += [_mean(windows[:, -hours:]) for hours in means]
    for windows in (own, *related.values()):
        found += _changes(windows)
    return np.stack(found, axis=-1)


def _changes(windows: Table) -> list[Table]:
    """Return recent changes: a tree splits on single features, so differences need their own."""
    last, day = _last(windows), _mean(windows[:, -DAY:])
    return [
        last - _mean(windows[:, -7:-4]),
        last - _mean(windows[:, -6:]),
        last - _mean(windows[:, -26:-23]),
        _mean(windows[:, -6:]) - day,
        day - _mean(windows[:, -2 * DAY : -DAY]),
        day - _mean(windows[:, -3 * DAY : -DAY]),
        day - _mean(windows[:, -WEEK:]),
    ]


def _at_lead(own: Table, area: Table | None, horizon: int) -> Table:
    """Return features of the same hour on previous days, shape (origins, horizon, features)."""
    hour = np.arange(horizon) % DAY
    days = own.reshape(len(own), LOOK_BACK // DAY, DAY)
    same = np.moveaxis(days[:, :, hour], 1, -1)
    usual = _mean(same)
    found = [same[..., -1], same[..., -2], same[..., -3], same[..., -7]]
    found += [_mean(same[..., -7:]), _highest(same[..., -7:]), _lowest(same[..., -7:]), usual]
    found.append(usual - _mean(own)[:, None])
    if area is not None:
        around = np.moveaxis(area.reshape(days.shape)[:, :, hour], 1, -1)
        found += [around[..., -1], _mean(around[..., -7:])]
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


def _last(windows: Table) -> Table:
    """Return the newest value of the last `LAST_WITHIN` hours; NaN where all are missing."""
    last = windows[..., -1]
    for back in range(2, LAST_WITHIN + 1):
        last = np.where(np.isfinite(last), last, windows[..., -back])
    return last


def _mean(windows: Table) -> Table:
    """Return the mean over the last axis; NaN where fewer than a quarter have a value."""
    there = np.isfinite(windows)
    count = there.sum(axis=-1)
    total = np.where(there, windows, 0).sum(axis=-1)
    enough = count >= max(1, windows.shape[-1] // 4)
    return np.where(enough, total / np.maximum(count, 1), np.nan).astype(windows.dtype)


def _deviation(windows: Table) -> Table:
    return np.sqrt(_mean((windows - _mean(windows)[..., None]) ** 2))


def _lowest(windows: Table) -> Table:
    lowest: Table = np.fmin.reduce(windows, axis=-1)
    return lowest


def _highest(windows: Table) -> Table:
    highest: Table = np.fmax.reduce(windows, axis=-1)
    return highest
