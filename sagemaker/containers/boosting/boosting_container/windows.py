"""Statistics of the hours before a forecast.

A window is the last axis of a table: `LOOK_BACK` hours, or the end of them; NaN is a missing hour.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

DAY = 24
WEEK = 7 * DAY
LOOK_BACK = 4 * WEEK

LAST_WITHIN = 6
"""Number of hours that are searched for the last value if the newest is missing."""

Table = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]


def hours_before(values: Table, length: int, positions: Positions) -> Table:
    """Return the hours before each position, shape (origins, `LOOK_BACK`); NaN before the first.

    If there are fewer values than ``length``, they are aligned with the end of the target.
    """
    padding = np.full(LOOK_BACK + length - len(values), np.nan, dtype=np.float32)
    padded = np.concatenate([padding, values]).astype(np.float32)
    views = np.lib.stride_tricks.sliding_window_view(padded, LOOK_BACK)
    return np.asarray(views[positions])


def last(windows: Table) -> Table:
    """Return the newest value of the last `LAST_WITHIN` hours; NaN where all are missing."""
    found = windows[..., -1]
    for back in range(2, LAST_WITHIN + 1):
        found = np.where(np.isfinite(found), found, windows[..., -back])
    return found


def first_known(values: Sequence[Table], otherwise: float) -> Table:
    """Return, place by place, the first of several values that is not missing."""
    found = np.full_like(values[0], otherwise)
    for one in reversed(values):
        found = np.where(np.isfinite(one), one, found)
    return found


def mean(windows: Table) -> Table:
    """Return the mean over the last axis; NaN where fewer than a quarter have a value."""
    there = np.isfinite(windows)
    count = there.sum(axis=-1)
    total = np.where(there, windows, 0).sum(axis=-1)
    enough = count >= max(1, windows.shape[-1] // 4)
    return np.where(enough, total / np.maximum(count, 1), np.nan).astype(windows.dtype)


def deviation(windows: Table) -> Table:
    """Return the standard deviation; NaN where `mean` is."""
    return np.sqrt(mean((windows - mean(windows)[..., None]) ** 2))


def lowest(windows: Table) -> Table:
    """Return the smallest value; NaN if all are missing."""
    found: Table = np.fmin.reduce(windows, axis=-1)
    return found


def highest(windows: Table) -> Table:
    """Return the largest value; NaN if all are missing."""
    found: Table = np.fmax.reduce(windows, axis=-1)
    return found


def hourly_change(windows: Table) -> Table:
    """Return the mean absolute change from one hour to the next; NaN where `mean` is."""
    return mean(np.abs(np.diff(windows, axis=-1)))


def same_hour(windows: Table, horizon: int) -> Table:
    """Return the past values at each lead's hour of the day, shape (origins, horizon, days)."""
    days = windows.reshape(len(windows), LOOK_BACK // DAY, DAY)
    return np.moveaxis(days[:, :, np.arange(horizon) % DAY], 1, -1)
