"""What the past says about the hours to come, as a table for gradient boosting.

A row is one (origin, lead) of one station's pollutant. All features but the calendar's come from
the `LOOK_BACK` hours before the origin, cut out before anything is computed, so no feature can see
further. Pollutants are divided by their station's mean; weather is left in its units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from contracts.forecast_input import HORIZON
from forecasting.history import COLUMNS, TARGETS, History
from forecasting.metrics import Floats

LOOK_BACK = 28 * 24
DAY = 24
WEEK = 7 * DAY

LAGS = (2, 3, 4, 6, 9, 12, 18, 24)
MEANS = (3, 6, 12, 24, 72, 168, 672)
RELATED_MEANS = (6, 24, 72)
LAST_WITHIN = 6
"""Hours in which the last value is looked for where the newest is missing."""

Table = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PastOfAll:
    """Statistics of every column before a set of origins, from which each pollutant's rows come.

    Parameters
    ----------
    origins
        Hours of the forecasts' first lead.
    windows
        The hours before each origin, shape (stations, columns, origins, `LOOK_BACK`), scaled.
    """

    origins: Sequence[datetime]
    windows: Table

    @classmethod
    def before(cls, history: History, positions: Positions, scales: Floats) -> PastOfAll:
        """Cut out what precedes each position of a history.

        Parameters
        ----------
        positions
            Indices on the history's grid, at most its length.
        scales
            Divisor of each station's columns, shape (stations, columns).
        """
        stations, columns, _ = history.values.shape
        padding = np.full((stations, columns, LOOK_BACK), np.nan, dtype=np.float32)
        scaled = (history.values / scales[:, :, None]).astype(np.float32)
        padded = np.concatenate([padding, scaled], axis=2)
        views = np.lib.stride_tricks.sliding_window_view(padded, LOOK_BACK, axis=2)
        start = np.datetime64(history.start, "h")
        origins = (start + positions).astype(datetime).tolist()
        return cls(origins, views[:, :, positions])

    def rows(self, target: str, leads: npt.NDArray[np.int64]) -> Table:
        """Features, shape (stations, origins, leads, features).

        Parameters
        ----------
        leads
            Leads of each origin, 1 to 24, shape (origins, leads).
        """
        at_origin = self._at_origin(target)
        at_lead = self._at_lead(target, leads)
        shape = (*at_lead.shape[:3], at_origin.shape[2])
        return np.concatenate(
            [np.broadcast_to(at_origin[:, :, None], shape), at_lead], axis=3, dtype=np.float32
        )

    def _at_origin(self, target: str) -> Table:
        own = self.windows[:, COLUMNS.index(target)]
        found = [_last(own), *(own[..., -lag] for lag in LAGS)]
        found += [_mean(own[..., -hours:]) for hours in MEANS]
        for hours in (DAY, WEEK):
            found += [f(own[..., -hours:]) for f in (_deviation, _lowest, _highest)]
        for number, column in enumerate(COLUMNS):
            if column != target:
                related = self.windows[:, number]
                found.append(_last(related))
                found += [_mean(related[..., -hours:]) for hours in RELATED_MEANS]
        area = _mean(np.moveaxis(own, 0, -1))  # over the stations
        around = [_last(area), *(_mean(area[..., -hours:]) for hours in (3, *RELATED_MEANS, WEEK))]
        found += [np.broadcast_to(values, own.shape[:2]) for values in around]
        return np.stack(found, axis=-1)

    def _at_lead(self, target: str, leads: npt.NDArray[np.int64]) -> Table:
        own = self.windows[:, COLUMNS.index(target)]
        stations, origins, _ = own.shape
        days = own.reshape(stations, origins, LOOK_BACK // DAY, DAY)
        area = np.broadcast_to(_mean(np.moveaxis(days, 0, -1)), days.shape)
        hour = np.broadcast_to(
            (leads - 1)[None, :, None, :], (stations, origins, 1, leads.shape[1])
        )
        same = np.take_along_axis(days, hour, axis=2 + 1)  # that hour of each day before
        same_area = np.take_along_axis(area, hour, axis=3)
        same, same_area = np.moveaxis(same, 2, -1), np.moveaxis(same_area, 2, -1)
        usual = _mean(same)
        found = [same[..., -1], same[..., -2], same[..., -3], same[..., -7]]
        found += [_mean(same[..., -7:]), _highest(same[..., -7:]), _lowest(same[..., -7:]), usual]
        found += [usual - _mean(own)[..., None], same_area[..., -1], _mean(same_area[..., -7:])]
        calendar = self._calendar(leads)
        found += [np.broadcast_to(values, usual.shape) for values in calendar]
        return np.stack(found, axis=-1)

    def _calendar(self, leads: npt.NDArray[np.int64]) -> list[Table]:
        origins = np.array(self.origins, dtype="datetime64[h]")
        hours = origins[:, None] + (leads - 1)
        day = hours.astype("datetime64[D]")
        of_year = (day - day.astype("datetime64[Y]")).astype(float)
        angle = 2 * np.pi * of_year / 365.25
        numbers = (
            leads,
            (hours - day).astype(int),
            (day.astype(int) + 3) % 7,  # 1970-01-01 was a Thursday
            np.sin(angle),
            np.cos(angle),
        )
        return [np.asarray(number, dtype=np.float32) for number in numbers]


def every_lead(origins: int) -> npt.NDArray[np.int64]:
    """Leads 1 to 24 for so many origins."""
    return np.tile(np.arange(1, HORIZON + 1), (origins, 1))


def scales_of(history: History) -> Floats:
    """Each station's mean of a pollutant, 1 for weather; shape (stations, columns).

    A station that never measured a pollutant takes the mean of the others, else 1.
    """
    scales = np.ones(history.values.shape[:2])
    for number, column in enumerate(COLUMNS):
        if column in (*TARGETS, "PM10"):
            means = _mean(history.of(column).astype(np.float32)).astype(float)
            usual = means[means > 0].mean() if (means > 0).any() else 1.0
            scales[:, number] = np.where(means > 0, means, usual)
    return scales


def _last(windows: Table) -> Table:
    """The newest value of the last hours; NaN where all of them are missing."""
    last = windows[..., -1]
    for back in range(2, LAST_WITHIN + 1):
        last = np.where(np.isfinite(last), last, windows[..., -back])
    return last


def _mean(windows: Table) -> Table:
    """Mean over the last axis, NaN where less than a quarter is there."""
    there = np.isfinite(windows)
    count = there.sum(axis=-1)
    total = np.where(there, windows, 0).sum(axis=-1)
    enough = count >= max(1, windows.shape[-1] // 4)
    return np.where(enough, total / np.maximum(count, 1), np.nan).astype(windows.dtype)


def _deviation(windows: Table) -> Table:
    square = _mean((windows - _mean(windows)[..., None]) ** 2)
    return np.sqrt(square)


def _lowest(windows: Table) -> Table:
    lowest: Table = np.fmin.reduce(windows, axis=-1)
    return lowest


def _highest(windows: Table) -> Table:
    highest: Table = np.fmax.reduce(windows, axis=-1)
    return highest
