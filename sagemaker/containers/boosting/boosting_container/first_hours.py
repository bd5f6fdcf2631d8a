"""Computes the parts of a forecast of the first hours: the last value, and changes from it.

In the first hours a value hardly differs from the last one. Trees that learn the value itself
approximate it by steps, and are worse there than the last value repeated. Therefore the trees of
these leads learn the difference from the last value, in units of its usual size; the forecast is
``last + size × difference``. The size is computed from the changes of the last day, and grows with
the root of the lead, like that of a random walk.
"""

from __future__ import annotations

import numpy as np

from boosting_container.windows import (
    DAY,
    WEEK,
    Table,
    first_known,
    hourly_change,
    last,
    mean,
    same_hour,
)

LEADS = 6
"""Number of leads that are forecast as differences from the last value."""

COLUMNS = 13
"""Number of features that only these leads use."""

LAST, SIZE = 0, 1
"""Columns of the last value and of the usual size of a difference; both are finite."""

LEVEL_SHARE = 0.05
"""Share of the level in the size: high values vary more than low ones."""

LEAST_SIZE = 0.02
"""Smallest size at lead 1: that of a constant series at zero."""


def columns(own: Table, area: Table | None, usual: float, horizon: int) -> Table:
    """Return features of the first hours, shape (origins, horizon, `COLUMNS`).

    Parameters
    ----------
    own, area
        Hours before each origin, shape (origins, `LOOK_BACK`); None if no area is known.
    usual
        The last value of a series without any in the last day.
    """
    around = np.full_like(own, np.nan) if area is None else area
    newest, day = last(own), mean(own[:, -DAY:])
    level = first_known([newest, day], usual)
    at_origin = [
        level,
        _size(own, level, day),
        *_slopes(own),
        *_slopes(around)[:2],
        newest - last(around),
        hourly_change(own[:, -DAY:]),
        hourly_change(own[:, -4:]),
    ]
    at_lead = _usual_changes(own, horizon)
    shape = (len(own), horizon)
    spread = [np.broadcast_to(values[:, None], shape) for values in at_origin]
    found = np.stack([*spread, *at_lead], axis=-1, dtype=np.float32)
    found[..., SIZE] *= np.sqrt(np.arange(1, horizon + 1, dtype=np.float32))
    return found


def _size(own: Table, level: Table, day: Table) -> Table:
    """Return the usual size of the difference of an hour from the one before."""
    usual = np.nan_to_num(hourly_change(own[:, -DAY - 1 :]))
    newest = hourly_change(own[:, -4:])
    newest = np.where(np.isfinite(newest), newest, usual)
    levels = np.abs(level) + np.abs(np.where(np.isfinite(day), day, level))
    return np.asarray(usual / 2 + newest / 4 + LEVEL_SHARE * levels + LEAST_SIZE, np.float32)


def _slopes(values: Table) -> list[Table]:
    """Return the last value's differences from the hours before it."""
    newest = last(values)
    return [newest - values[:, -2], newest - values[:, -3], newest - mean(values[:, -4:-1])]


def _usual_changes(own: Table, horizon: int) -> list[Table]:
    """Return how much past days changed from the hour of the last value to each lead's hour.

    Yesterday's change, the mean of a week, and the difference of the usual values at both hours.
    """
    same = same_hour(own, horizon)
    # the last value's hour is an hour before the origin's, on the day before
    before = own[:, np.arange(-1 - DAY, -1 - WEEK, -DAY)][:, None]
    changes = same[..., -1 : -WEEK // DAY : -1] - before
    usual = mean(same)
    now = mean(same_hour(own, DAY)[:, -1])
    return [changes[..., 0], mean(changes), usual - now[:, None]]
