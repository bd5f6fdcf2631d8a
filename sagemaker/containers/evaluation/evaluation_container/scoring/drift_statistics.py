"""Statistics of a week compared with the months before: one number per pollutant, over all devices.

Rows are hourly values of one pollutant, shape (devices, hours), NaN where a value is missing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from evaluation_container.scoring.metrics import Floats

DAY = 24
WEEK = 7 * DAY
TENTHS = np.arange(1, 10) / 10

Hours = Mapping[str, tuple[tuple[str, ...], Floats]]
"""By pollutant: devices, and their hours, shape (devices, hours), with a common end.

Statistics over devices need all devices of a pollutant in one array; they do not use the times."""

LEAST_VALUES = 2 * DAY
"""Minimum number of values for a device's deciles."""


def deciles(rows: Floats) -> Floats:
    """Return each device's deciles, shape (devices, 9); NaN for devices with too few values."""
    found = np.full((len(rows), len(TENTHS)), np.nan)
    for place, row in enumerate(rows):
        values = row[np.isfinite(row)]
        if len(values) >= LEAST_VALUES:
            found[place] = np.quantile(values, TENTHS)
    return found


def distance(week: Floats, usual: Floats) -> float:
    """Return the largest gap between tenths and the shares of a week's values below the deciles.

    This is the Kolmogorov-Smirnov statistic of each value's rank among its own device's usual
    values, so neither a device's level nor a silent device affects it. The share counts the values
    below a decile or up to it, whichever is nearer, so ties are not a gap.

    Parameters
    ----------
    usual
        `deciles` of each device.

    Returns
    -------
    A number from 0 to 0.9; NaN if no device has both a value and deciles.
    """
    below, upto = _counts(week, usual)
    if not below.size:
        return float("nan")
    return float(max(0.0, np.maximum(below - TENTHS, TENTHS - upto).max()))


def shares(week: Floats, usual: Floats) -> Floats:
    """Return the shares of a week's values up to the deciles, shape (9,); a tie counts half."""
    below, upto = _counts(week, usual)
    return (below + upto) / 2 if below.size else TENTHS


def missing(week: Floats, usual: Floats) -> float:
    """Return the share of hours without a value over devices with deciles; NaN without any."""
    known = np.isfinite(usual[:, 0])
    return float((~np.isfinite(week[known])).mean()) if known.any() else float("nan")


def _counts(week: Floats, usual: Floats) -> tuple[Floats, Floats]:
    """Return the shares of values below and up to each decile; empty without known devices."""
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
