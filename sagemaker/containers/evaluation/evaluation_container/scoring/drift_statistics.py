"""How far a week is from the months before: one number a pollutant, pooled over devices.

Rows are hourly values of one pollutant, shape (devices, hours), NaN where nothing was measured.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from evaluation_container.scoring.metrics import Floats

DAY = 24
WEEK = 7 * DAY
TENTHS = np.arange(1, 10) / 10

Hours = Mapping[str, tuple[tuple[str, ...], Floats]]
"""By pollutant: devices, and their hours, shape (devices, hours), which all end at one time."""

LEAST_VALUES = 2 * DAY
"""Values of which a device's deciles can be told."""


def deciles(rows: Floats) -> Floats:
    """Each device's own deciles, shape (devices, 9); NaN where it has too few values."""
    found = np.full((len(rows), len(TENTHS)), np.nan)
    for place, row in enumerate(rows):
        values = row[np.isfinite(row)]
        if len(values) >= LEAST_VALUES:
            found[place] = np.quantile(values, TENTHS)
    return found


def distance(week: Floats, usual: Floats) -> float:
    """Largest gap between the shares of a week's values below a device's deciles and the tenths.

    That is the Kolmogorov-Smirnov statistic of each value's rank among its own device's usual
    values, so neither a device's level nor one that is silent moves it. A share is that of the
    values below a decile or at it, whichever is nearer: ties are no gap.

    Parameters
    ----------
    usual
        `deciles` of each device.

    Returns
    -------
    0 to 0.9; NaN where no device has both a value and deciles.
    """
    below, upto = _counts(week, usual)
    if not below.size:
        return float("nan")
    return float(max(0.0, np.maximum(below - TENTHS, TENTHS - upto).max()))


def shares(week: Floats, usual: Floats) -> Floats:
    """Shares of a week's values up to each device's deciles, shape (9,); a tie counts by half."""
    below, upto = _counts(week, usual)
    return (below + upto) / 2 if below.size else TENTHS


def missing(week: Floats, usual: Floats) -> float:
    """Share of hours without a value, over the devices that have deciles; NaN without any."""
    known = np.isfinite(usual[:, 0])
    return float((~np.isfinite(week[known])).mean()) if known.any() else float("nan")


def _counts(week: Floats, usual: Floats) -> tuple[Floats, Floats]:
    """Shares of values below each decile and up to it; empty without values of known devices."""
    there = np.isfinite(week) & np.isfinite(usual[:, :1])
    if not there.any():
        return np.empty(0), np.empty(0)
    below, upto = np.zeros(len(TENTHS)), np.zeros(len(TENTHS))
    for row, mask, own in zip(week, there, usual, strict=True):
        values = np.sort(row[mask])
        if len(values):
            below += np.searchsorted(values, own, side="left")
            upto += np.searchsorted(values, own, side="right")
    return below / there.sum(), upto / there.sum()
