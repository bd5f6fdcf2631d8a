"""Reads the devices' recent histories, which the series job writes, up to one common origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from container_runtime.errors import DataError

from contracts.messages.telemetry import POLLUTANTS, SMOKE_DEVICES
from contracts.models.forecast_input import RecentHistory
from evaluation_container.scoring.drift_statistics import Hours
from evaluation_container.scoring.metrics import Floats

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Device:
    """One device's values before the origin: a `RecentHistory` as arrays that end at the origin.

    Unlike a `forecast_format.series.Series`, it has all pollutants of a device, because each is a
    related series of the others.

    Parameters
    ----------
    start
        First hour, UTC.
    target, area
        Hourly values by pollutant, up to the hour before the origin; NaN is missing.
    """

    device_id: str
    start: datetime
    target: Mapping[str, Floats]
    area: Mapping[str, Floats]


class RecentHistories:
    """The histories in a folder, one JSON object per device.

    They are read one at a time and not kept in memory. Those of smoke tests are left out.

    Parameters
    ----------
    origin
        Forecast origin: the hour after the last one with a value of any device.

    Raises
    ------
    DataError
        No device has a value, or a file is invalid.
    """

    def __init__(self, folder: Path) -> None:
        every = sorted(folder.glob("*.json"))
        self._files = [one for one in every if not one.name.startswith(SMOKE_DEVICES)]
        ends = [end for one in self._histories() if (end := _end_of_data(one)) is not None]
        if not ends:
            raise DataError(f"{folder.name} holds no value of any device: build the series first")
        self.origin = max(ends)

    def __iter__(self) -> Iterator[Device]:
        for history in self._histories():
            start = history.first_hour
            hours = int((self.origin - start) / HOUR)
            yield Device(
                history.device_id,
                start,
                {name: _of_length(row, hours) for name, row in history.target.items()},
                {name: _of_length(row, hours) for name, row in history.area.items()},
            )

    def last(self, hours: int) -> Hours:
        """Return by pollutant the devices and their last hours, shape (devices, hours)."""
        devices, rows = [], []
        for one in self:
            devices.append(one.device_id)
            rows.append([_last(one.target[pollutant], hours) for pollutant in POLLUTANTS])
        stacked = np.array(rows)
        return {
            pollutant: (tuple(devices), stacked[:, place])
            for place, pollutant in enumerate(POLLUTANTS)
        }

    def _histories(self) -> Iterator[RecentHistory]:
        for file in self._files:
            try:
                yield RecentHistory.from_json(file.read_text(encoding="utf-8"))
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(f"{file.name} is not a valid device history: {error!r}") from None


def _end_of_data(history: RecentHistory) -> datetime | None:
    """Return the hour after the last one with a value; None without any value."""
    rows = np.array(list(history.target.values()), dtype=float)
    there = np.flatnonzero(np.isfinite(rows).any(axis=0))
    return history.first_hour + (int(there[-1]) + 1) * HOUR if len(there) else None


def _of_length(row: Sequence[float | None], hours: int) -> Floats:
    """Truncate the row at its end, or pad it with NaN."""
    found = np.full(max(0, hours), np.nan)
    known = np.array(row[: len(found)], dtype=float)
    found[: len(known)] = known
    return found


def _last(row: Floats, hours: int) -> Floats:
    """Return the last hours of the row, padded with NaN at the start."""
    found = np.full(hours, np.nan)
    known = row[-hours:]
    found[hours - len(known) :] = known
    return found
