"""Reads hourly series from the lake's table ``curated/series_hourly``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset as pads
from deltalake import DeltaTable

from contracts.lake.locations import SERIES_HOURLY
from contracts.names import Names
from forecasting.errors import ForecastingError

HOUR = timedelta(hours=1)
COLUMNS = ("device_id", "pollutant", "hour", "value")
HISTORY_DAYS = 400
"""Maximum number of days to read; a year and a month are enough to scale errors."""

DOWNLOADS = 8

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SeriesKey:
    """One series: a pollutant at a device."""

    device_id: str
    pollutant: str


@dataclass(frozen=True)
class Lake:
    """Hourly values of every series on one grid, as the lake holds them.

    Devices measure different pollutants, so each series has its own key. A backtest converts them
    into a `forecasting.backtest.history.History`, which has every column for every station.

    Parameters
    ----------
    start
        First hour of the grid, UTC.
    values
        Hourly means in µg/m³ from ``start``, all of one length; NaN is missing.
    """

    start: datetime
    values: Mapping[SeriesKey, Floats]

    @property
    def end(self) -> datetime:
        """The hour after the last one with data."""
        last = max(int(np.flatnonzero(np.isfinite(row))[-1]) for row in self._observed())
        return self.start + (last + 1) * HOUR

    def position(self, hour: datetime) -> int:
        """Return the index of an hour on the grid."""
        return int((hour - self.start) / HOUR)

    def before(self, key: SeriesKey, hour: datetime) -> Floats:
        """Return the values of a series before an hour."""
        return self.values[key][: max(0, self.position(hour))]

    def between(self, key: SeriesKey, hour: datetime, hours: int) -> Floats:
        """Return the observed values of a number of hours from an hour on; NaN is missing."""
        found = self.values[key][self.position(hour) :][:hours]
        return np.concatenate([found, np.full(hours - len(found), np.nan)])

    def _observed(self) -> list[Floats]:
        return [row for row in self.values.values() if np.isfinite(row).any()]


def read(session: Any, names: Names, days: int = HISTORY_DAYS) -> Lake:
    """Read the last days of every series.

    Raises
    ------
    ForecastingError
        The table is missing or empty.
    """
    s3 = session.client("s3")
    bucket = names.bucket(SERIES_HOURLY.purpose)
    with tempfile.TemporaryDirectory(prefix="lakecast-series-") as folder:
        keys = _keys(s3, bucket, days, Path(folder) / "log")
        if not keys:
            raise ForecastingError(
                f"no hourly series in {SERIES_HOURLY.uri(names)}: run `make etl` first"
            )
        files = _download(
            s3, bucket, {key: Path(folder) / f"{n}.parquet" for n, key in enumerate(keys)}
        )
        table = pads.dataset(files, format="parquet").to_table(columns=list(COLUMNS))
    return grid(table)


def grid(table: pa.Table) -> Lake:
    """Put rows of (device_id, pollutant, hour, value) on one hourly grid.

    Raises
    ------
    ForecastingError
        No row has a value.
    """
    hours = table["hour"].cast(pa.timestamp("s")).to_numpy().astype("datetime64[h]")
    values = table["value"].cast(pa.float64()).to_numpy(zero_copy_only=False)
    if not np.isfinite(values).any():
        raise ForecastingError("the hourly series have no value: check the quarantine's reasons")
    first = hours.min()
    length = int((hours.max() - first).astype(int)) + 1
    devices = np.asarray(table["device_id"].to_pylist(), dtype=object)
    pollutants = np.asarray(table["pollutant"].to_pylist(), dtype=object)
    rows: dict[SeriesKey, Floats] = {}
    positions = (hours - first).astype(int)
    for key in sorted(set(zip(devices, pollutants, strict=True))):
        mine = (devices == key[0]) & (pollutants == key[1])
        row = np.full(length, np.nan)
        row[positions[mine]] = values[mine]
        rows[SeriesKey(*key)] = row
    return Lake(first.astype("datetime64[s]").item().replace(tzinfo=UTC), rows)


def _keys(s3: Any, bucket: str, days: int, folder: Path) -> list[str]:
    """Return the keys of the table's files of the last days, from its downloaded Delta log.

    Other files in the table's folder belong to earlier versions or to interrupted runs.
    """
    log = f"{SERIES_HOURLY.prefix}_delta_log/"
    try:
        pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=log))
    except s3.exceptions.NoSuchBucket:
        raise ForecastingError(
            f"bucket {bucket} does not exist: run `make plan` and `make apply` first"
        ) from None
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    if not keys:
        return []
    _download(s3, bucket, {k: folder / k.removeprefix(SERIES_HOURLY.prefix) for k in keys})
    actions = DeltaTable(folder).get_add_actions(flatten=True)
    dates = [date.fromisoformat(day) for day in actions["partition.date"].to_pylist()]
    newest, reach = max(dates, default=date.max), timedelta(days=days)
    paths = zip(dates, actions["path"].to_pylist(), strict=True)
    return [f"{SERIES_HOURLY.prefix}{path}" for day, path in paths if newest - day <= reach]


def _download(s3: Any, bucket: str, places: Mapping[str, Path]) -> list[Path]:
    """Download objects to paths, by key."""

    def download(key: str, place: Path) -> Path:
        place.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, key, str(place))
        return place

    with ThreadPoolExecutor(DOWNLOADS) as pool:
        return list(pool.map(download, places.keys(), places.values()))


def keys_of(lake: Lake, pollutants: Iterable[str]) -> list[SeriesKey]:
    """Return the series of the lake, pollutant by pollutant in the given order."""
    return [key for pollutant in pollutants for key in lake.values if key.pollutant == pollutant]
