"""Builds the training rows: one per origin and lead with an observed value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from container_runtime.errors import DataError
from forecast_format.series import Series

from boosting_container.features import Columns
from boosting_container.hyperparameters import Hyperparameters
from boosting_container.model import TARGET, Cat, Floats, Leads, leads_of, rows_of
from boosting_container.windows import DAY, LOOK_BACK, WEEK, Positions, Table
from contracts.models.forecast_input import AREA

LEAST_HISTORY = WEEK
"""Hours of history that a training origin needs. Features that look further back have missing
values then, as for a new station."""

GAP_INTERVAL = 31
"""One origin in this many is repeated with history removed, once per kind of gap: a tree that has
never seen a missing value treats it as zero."""

LEAST_GAPS = 8
"""Number of origins of each kind of gap that a short history has, so that the hours of the day
occur among them."""

SILENCES = (12, 72, 2 * WEEK, LOOK_BACK)
"""Hours of device silence before an origin with removed history."""


@dataclass(frozen=True)
class Rows:
    """Training rows of a group.

    Parameters
    ----------
    features
        Features, shape (rows, features).
    value
        Observed values, divided by the series' scale.
    weight
        The series' scale, so that a loss is in the target's units.
    day, lead
        Day of the origin, and the row's number of steps ahead, from 1.
    is_whole
        Whether the row has its whole history (nothing removed for training).
    """

    features: Table
    value: Floats
    weight: Floats
    day: npt.NDArray[np.int64]
    lead: Leads
    is_whole: npt.NDArray[np.bool_]


def rows_to_learn(
    series: Sequence[Series],
    columns: Columns,
    scales: Mapping[Cat, Mapping[str, float]],
    hyperparameters: Hyperparameters,
    segment: str,
) -> Rows:
    """Build a segment's rows at origins `Hyperparameters.origin_hours` apart, back from the end.

    Raises
    ------
    DataError
        No series is long enough.
    """
    horizon, step = hyperparameters.prediction_length, hyperparameters.origin_hours
    leads = leads_of(segment, horizon)
    found: list[Rows] = []
    for one in series:
        positions = np.arange(len(one.target) - horizon, LEAST_HISTORY - 1, -step)[::-1]
        if len(positions):
            found += [
                _rows(one, known, some, columns, scales=scales[one.cat], leads=leads)
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
    leads: range,
) -> Rows:
    """Build rows with the values of ``series`` and the features of ``known``."""
    value = series.target[positions[:, None] + np.asarray(leads) - 1].ravel()
    there = np.isfinite(value)
    first = np.datetime64(series.start.to_timestamp(), "h").astype(int)
    return Rows(
        rows_of(known, columns, scales, positions, leads)[there],
        value[there].astype(float) / scales[TARGET],
        np.full(int(there.sum()), scales[TARGET]),
        np.repeat((first + positions) // DAY, len(leads))[there],
        np.tile(leads, len(positions))[there],
        np.full(int(there.sum()), known is series),
    )


def _lacking(series: Series, positions: Positions) -> Iterator[tuple[Series, Positions]]:
    """Yield the series without related ones, after a silence, and both; each with some origins."""
    interval = min(GAP_INTERVAL, max(1, len(positions) // LEAST_GAPS))
    alone, silent, neither = (
        positions[number * interval // 3 % len(positions) :: interval] for number in range(3)
    )
    target = series.target.copy()
    for position in np.concatenate([silent, neither]):
        hours = SILENCES[position // DAY % len(SILENCES)]
        target[max(0, position - hours) : position] = np.nan
    around = {name: row for name, row in series.related.items() if name == AREA}
    yield replace(series, related={}), alone
    yield replace(series, target=target, related=around), silent
    yield replace(series, target=target, related={}), neither
