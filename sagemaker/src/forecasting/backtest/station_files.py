"""Reads a folder of recorded stations into a history, by a column map of `contracts.recordings`."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from contracts.recordings.column_map import ColumnMap
from contracts.recordings.drivers import WIND_DIRECTION
from contracts.recordings.errors import RecordingError
from contracts.recordings.folder import column_map, examined, station_files, unmatched
from contracts.recordings.left_out import LeftOut
from contracts.recordings.recorded_file import RecordedFile
from forecasting.backtest.forecasters.base import Report
from forecasting.backtest.history import COLUMNS, DRIVERS, TARGETS, History
from forecasting.errors import ForecastingError

COLUMN_OF = {
    "particulate_matter": "PM2.5",
    "ozone": "O3",
    "nitrogen_dioxide": "NO2",
    "carbon_monoxide": "CO",
    "sulfur_dioxide": "SO2",
    "pm10": "PM10",
    "temperature": "TEMP",
    "pressure": "PRES",
    "dew_point": "DEWP",
    "rain": "RAIN",
    "wind_speed": "WSPM",
}
"""Column in the history of each pollutant and driver; the wind's direction becomes components."""

_READ = (*COLUMN_OF, WIND_DIRECTION)
_NAN = float("nan")


def read(
    folder: Path,
    report: Report = lambda _: None,
    *,
    columns: str | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> History:
    """Read every station of a folder; hours without a value are missing, several are averaged.

    The history has the pollutants and drivers that any station measures, in the map's local time
    without summer time.

    Parameters
    ----------
    report
        Function that receives the share of the files that is read, 0 to 1.
    columns
        Name or TOML file of the column map; None finds the built-in map that fits.
    tell
        Function that receives a line about everything that is left out.

    Raises
    ------
    ForecastingError
        The folder does not exist, no map fits its files, or none can be used.
    """
    try:
        if not folder.is_dir():
            raise ForecastingError(f"DATA must be a folder of CSV files; there is none at {folder}")
        chosen = column_map(folder, columns)
        files = station_files(folder, chosen)
        total = sum(map(len, files.values()))
        done = itertools.count(1)

        def rows(station: str, path: Path) -> pd.DataFrame:
            report(next(done) / total)
            return _rows(path, chosen, station, tell)

        read_files, notes = examined(files, rows)
        for note in [*notes, *unmatched(folder, chosen)]:
            tell(note)
    except RecordingError as error:
        raise ForecastingError(str(error)) from None
    frames = {station: _hourly(rows) for station, rows in read_files.items()}
    first = min(frame.index[0] for frame in frames.values())
    last = max(frame.index[-1] for frame in frames.values())
    grid = pd.date_range(first, last, freq="h")
    values = np.stack([frame.reindex(grid).to_numpy().T for frame in frames.values()])
    measured = [
        name
        for name, rows in zip(COLUMNS, values.swapaxes(0, 1), strict=True)
        if np.isfinite(rows).any()
    ]
    kept = [COLUMNS.index(name) for name in measured]
    return History(
        first.to_pydatetime(),
        tuple(frames),
        np.ascontiguousarray(values[:, kept]),
        pollutants=tuple(name for name in TARGETS if name in measured),
        drivers=tuple(name for name in DRIVERS if name in measured),
        clock="local time" if chosen.standard_offset() else "UTC",
    )


def _rows(
    path: Path, columns: ColumnMap, station: str, tell: Callable[[str], None]
) -> pd.DataFrame:
    """Return the rows of one station in a file, by hour in local time."""
    file, left_out = RecordedFile.open(path, columns, station), LeftOut(path)
    offset = columns.standard_offset()
    hours: list[datetime] = []
    values = {name: array("d") for name in _READ}
    for row in file.rows(left_out, drivers=True):
        hours.append((row.moment + offset).replace(minute=0, second=0, microsecond=0, tzinfo=None))
        for name, cells in values.items():
            value = row.values.get(name)
            cells.append(_NAN if value is None else value)
    if file.lacking:
        tell(f"{path}: no column of {', '.join(file.lacking)}")
    for note in left_out.notes():
        tell(note)
    frame = pd.DataFrame({COLUMN_OF[name]: values[name] for name in COLUMN_OF}, dtype=float)
    angle = np.deg2rad(values[WIND_DIRECTION])
    frame["WIND_U"] = frame["WSPM"] * np.sin(angle)
    frame["WIND_V"] = frame["WSPM"] * np.cos(angle)
    return frame[list(COLUMNS)].set_axis(pd.DatetimeIndex(hours), axis=0)


def _hourly(files: list[pd.DataFrame]) -> pd.DataFrame:
    """Average the rows of each hour."""
    rows = pd.concat(files).sort_index(kind="stable")
    return rows if rows.index.is_unique else rows.groupby(level=0).mean()
