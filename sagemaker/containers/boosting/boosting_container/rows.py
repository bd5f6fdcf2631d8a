"""The rows that are learned from: one an origin and lead whose value was observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from forecast_contract.errors import DataError
from forecast_contract.series import Series

from boosting_container.features import DAY, WEEK, Columns, Table
from boosting_container.hyperparameters import Hyperparameters
from boosting_container.model import TARGET, Cat, Floats, rows_of

LEAST_HISTORY = WEEK
"""Hours before an origin that is learned from; those that features look further back for are
missing then, as they are with a station that has just begun."""


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
    """

    features: Table
    value: Floats
    weight: Floats
    day: npt.NDArray[np.int64]
    lead: npt.NDArray[np.int64]


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
    horizon = hyperparameters.prediction_length
    found: list[Rows] = []
    for one in series:
        step = hyperparameters.origin_hours
        positions = np.arange(len(one.target) - horizon, LEAST_HISTORY - 1, -step)[::-1]
        if not len(positions):
            continue
        at = positions[:, None] + np.arange(horizon)
        value = one.target[at].ravel()
        there = np.isfinite(value)
        scale = scales[one.cat][TARGET]
        first = np.datetime64(one.start.to_timestamp(), "h").astype(int)
        day = np.repeat((first + positions) // DAY, horizon)
        found.append(
            Rows(
                rows_of(one, columns, scales[one.cat], positions, horizon)[there],
                value[there].astype(float) / scale,
                np.full(int(there.sum()), scale),
                day[there],
                np.tile(np.arange(1, horizon + 1), len(positions))[there],
            )
        )
    if not any(len(rows.value) for rows in found):
        raise DataError(
            f"no series has a value after {LEAST_HISTORY} hours and before its end: boosting needs "
            "a longer history"
        )
    parts = zip(*(vars(rows).values() for rows in found), strict=True)
    return Rows(*(np.concatenate(part) for part in parts))
