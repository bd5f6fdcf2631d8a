"""The rows that are learned from: one an origin and lead whose value was observed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from container_runtime.errors import DataError
from forecast_format.related import AREA
from forecast_format.series import Series

from boosting_container.features import DAY, LOOK_BACK, WEEK, Columns, Positions, Table
from boosting_container.hyperparameters import Hyperparameters
from boosting_container.model import TARGET, Cat, Floats, rows_of

LEAST_HISTORY = WEEK
"""Hours before an origin that is learned from; those that features look further back for are
missing then, as they are with a station that has just begun."""

GAPPY = 31
"""One origin in so many is learned from anew for each way in which history may lack: unless a tree
has seen something missing, it takes that for nought."""

SILENCES = (12, 72, 2 * WEEK, LOOK_BACK)
"""Hours before such an origin in which the device was silent."""


@dataclass(frozen=True)
class Rows:
    """Rows of a group.

    Parameters
    ----------
    features
        Shape (rows, features).
    value
        What came, divided by the series' scale.
    weight
        That scale, so that a loss is in the target's units.
    day, lead
        Day of the origin, and hours from before it.
    is_whole
        Whether nothing was taken away for the sake of learning.
    """

    features: Table
    value: Floats
    weight: Floats
    day: npt.NDArray[np.int64]
    lead: npt.NDArray[np.int64]
    is_whole: npt.NDArray[np.bool_]


def rows_to_learn(
    series: Sequence[Series],
    columns: Columns,
    scales: Mapping[Cat, Mapping[str, float]],
    hyperparameters: Hyperparameters,
) -> Rows:
    """Rows of origins `Hyperparameters.origin_hours` apart, back from the end of each series.

    Raises
    ------
    DataError
        No series is long enough.
    """
    horizon, step = hyperparameters.prediction_length, hyperparameters.origin_hours
    found: list[Rows] = []
    for one in series:
        positions = np.arange(len(one.target) - horizon, LEAST_HISTORY - 1, -step)[::-1]
        if len(positions):
            found += [
                _rows(one, known, some, columns, scales=scales[one.cat], horizon=horizon)
                for known, some in ((one, positions), *_lacking(one, positions))
            ]
    if not any(len(rows.value) for rows in found):
        raise DataError(
            f"no series has a value after {LEAST_HISTORY} hours and before its end: boosting needs "
            "a longer history"
        )
    parts = zip(*(vars(rows).values() for rows in found), strict=True)
    return Rows(*(np.concatenate(part) for part in parts))


def _rows(
    series: Series,
    known: Series,
    positions: Positions,
    columns: Columns,
    *,
    scales: Mapping[str, float],
    horizon: int,
) -> Rows:
    """What a series came to, and what is ``known`` of it before."""
    value = series.target[positions[:, None] + np.arange(horizon)].ravel()
    there = np.isfinite(value)
    first = np.datetime64(series.start.to_timestamp(), "h").astype(int)
    return Rows(
        rows_of(known, columns, scales, positions, horizon)[there],
        value[there].astype(float) / scales[TARGET],
        np.full(int(there.sum()), scales[TARGET]),
        np.repeat((first + positions) // DAY, horizon)[there],
        np.tile(np.arange(1, horizon + 1), len(positions))[there],
        np.full(int(there.sum()), known is series),
    )


def _lacking(series: Series, positions: Positions) -> Iterator[tuple[Series, Positions]]:
    """The series alone, after its device's silence, and both; each with some of the origins."""
    alone, silent, neither = (
        positions[number * GAPPY // 3 % len(positions) :: GAPPY] for number in range(3)
    )
    target = series.target.copy()
    for position in np.concatenate([silent, neither]):
        hours = SILENCES[position // DAY % len(SILENCES)]
        target[max(0, position - hours) : position] = np.nan
    around = {name: row for name, row in series.related.items() if name == AREA}
    yield replace(series, related={}), alone
    yield replace(series, target=target, related=around), silent
    yield replace(series, target=target, related={}), neither
