"""Converts a history into the container's training series and instances."""

from __future__ import annotations

import numpy as np
import pandas as pd
from forecast_format.related import mean_where_enough
from forecast_format.series import Series

from contracts.models.forecast_input import AREA, HORIZON
from forecasting.backtest.history import History


def training_instances(history: History) -> list[Series]:
    """Return one series per station and pollutant, ``cat = [station, pollutant]``, by station.

    Its related series are all other columns of the station, by name, and `AREA`. Weather that is
    known in advance is its ``dynamic_feat``.
    """
    return _instances(history, ahead=0)


def instances(history: History) -> list[Series]:
    """Return the same series as instances; known features extend `HORIZON` hours further."""
    return _instances(history, ahead=HORIZON)


def _instances(history: History, ahead: int) -> list[Series]:
    start = pd.Period(history.start, freq="h")
    values = history.values.astype(np.float32)
    around = {
        name: mean_where_enough([*values[:, number]])
        for number, name in enumerate(history.pollutants)
    }
    known = np.empty((len(history.stations), 0, 0), dtype=np.float32)
    if history.weather is not None:
        known = history.weather[:, :, : history.hours + ahead].astype(np.float32)
    return [
        Series(
            start,
            values[station, number],
            (station, number),
            dynamic_feat=known[station],
            related={
                AREA: around[pollutant],
                **{
                    column: values[station, place]
                    for place, column in enumerate(history.columns)
                    if column != pollutant
                },
            },
        )
        for station in range(len(history.stations))
        for number, pollutant in enumerate(history.pollutants)
    ]
