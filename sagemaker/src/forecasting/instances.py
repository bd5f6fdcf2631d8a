"""A history as the instances that a container is trained on and asked about."""

from __future__ import annotations

import numpy as np
import pandas as pd
from evaluation_container.metrics import Floats
from forecast_contract.series import Series

from forecasting.history import COLUMNS, TARGETS, History

AREA = "area"
"""Related series: the mean of the same pollutant over all stations."""


def instances(history: History) -> list[Series]:
    """One series a station and target, ``cat = [station, target]``, station by station.

    Related to it are all that was measured beside it, by its column's name, and `AREA`.
    """
    start = pd.Period(history.start, freq="h")
    values = history.values.astype(np.float32)
    around = {target: _mean_of_stations(history.of(target)) for target in TARGETS}
    return [
        Series(
            start,
            values[station, COLUMNS.index(target)],
            (station, number),
            related={
                AREA: around[target],
                **{
                    column: values[station, place]
                    for place, column in enumerate(COLUMNS)
                    if column != target
                },
            },
        )
        for station in range(len(history.stations))
        for number, target in enumerate(TARGETS)
    ]


def _mean_of_stations(values: Floats) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Mean over the first axis, NaN where less than a quarter is there."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0).sum(axis=0)
    enough = count >= max(1, len(values) // 4)
    return np.where(enough, total / np.maximum(count, 1), np.nan).astype(np.float32)
