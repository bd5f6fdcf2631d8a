"""Reads recorded stations from CSV files in the format of UCI's Beijing Multi-Site Air Quality.

https://doi.org/10.24432/C5RK5G: one file per station, hourly rows in local time with the columns
``year, month, day, hour``, pollutants in µg/m³, weather, and ``wd``, the wind's compass point.
Empty or ``NA`` is missing.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from forecasting.backtest.forecasters.base import Report
from forecasting.backtest.history import COLUMNS, History
from forecasting.errors import ForecastingError

FILE_NAME = re.compile(r"PRSA_Data_(?P<station>.+)_\d{8}-\d{8}\.csv(\.gz)?")
TIME = ("year", "month", "day", "hour")
COMPASS = (
    *("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE"),
    *("S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"),
)


def read(folder: Path, report: Report = lambda _: None) -> History:
    """Read every station of a folder; hours that a file lacks are missing values.

    Parameters
    ----------
    report
        Function that receives the share of the files that is read, 0 to 1.

    Raises
    ------
    ForecastingError
        The folder does not exist or has no such file, or a file is not in the format.
    """
    if not folder.is_dir():
        raise ForecastingError(f"DATA must be a folder of CSV files; there is none at {folder}")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if named := FILE_NAME.fullmatch(path.name):
            other = files.setdefault(named["station"], path)
            if other != path:
                raise ForecastingError(
                    f"{folder} has two files of {named['station']}: {other.name} and {path.name}"
                )
    if not files:
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:3])
        raise ForecastingError(
            f"{folder} has no file named such as PRSA_Data_Dongsi_20130301-20170228.csv; there "
            + (f"are {there} …" if there else "is nothing in it")
        )
    frames = {}
    for station, path in files.items():
        frames[station] = _station(path)
        report(len(frames) / len(files))
    first = min(frame.index[0] for frame in frames.values())
    last = max(frame.index[-1] for frame in frames.values())
    grid = pd.date_range(first, last, freq="h")
    values = np.stack([frame.reindex(grid).to_numpy().T for frame in frames.values()])
    return History(first.to_pydatetime(), tuple(frames), np.ascontiguousarray(values))


def _station(path: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path)
        hours = pd.to_datetime(rows[list(TIME)])
        angle = np.deg2rad(rows["wd"].map({point: 22.5 * i for i, point in enumerate(COMPASS)}))
        rows["WIND_U"] = rows["WSPM"] * np.sin(angle)
        rows["WIND_V"] = rows["WSPM"] * np.cos(angle)
        frame = rows[list(COLUMNS)].astype(float).set_axis(pd.DatetimeIndex(hours), axis=0)
    except KeyError as error:
        raise ForecastingError(f"{path}: column missing: {error.args[0]}") from None
    except (ValueError, TypeError, EOFError, OSError) as error:
        raise ForecastingError(
            f"{path}: not in the format of UCI's Beijing data: {error}"
        ) from None
    if frame.empty:
        raise ForecastingError(f"{path} has no row")
    if frame.index.has_duplicates:
        twice = frame.index[frame.index.duplicated()][0]
        raise ForecastingError(f"{path} has the hour {twice} twice")
    return frame.sort_index()
