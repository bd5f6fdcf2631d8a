"""What was measured at a group of stations up to some hour: pollutants and weather on one grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from evaluation_container.metrics import Floats

HOUR = timedelta(hours=1)

TARGETS = ("PM2.5", "O3", "NO2", "CO", "SO2")
"""Columns that are forecast, µg/m³."""

WEATHER = ("TEMP", "PRES", "DEWP", "RAIN", "WSPM", "WIND_U", "WIND_V")
"""Temperature and dew point in °C, pressure in hPa, rain in mm, wind speed and the wind's two
components (where it comes from; east, north) in m/s."""

DRIVERS = ("PM10", *WEATHER)
"""Columns that say something about the targets to come."""

COLUMNS = (*TARGETS, *DRIVERS)


@dataclass(frozen=True)
class History:
    """Hourly values of every station.

    Parameters
    ----------
    start
        First hour, in the data's local time.
    values
        Shape (stations, `COLUMNS`, hours); NaN is missing.
    """

    start: datetime
    stations: tuple[str, ...]
    values: npt.NDArray[np.float64]

    @property
    def end(self) -> datetime:
        """The hour after the last one: the origin of a forecast from this history."""
        return self.start + int(self.values.shape[2]) * HOUR

    def until(self, hour: datetime) -> History:
        """The part before an hour; nothing of it or after it is left."""
        return replace(self, values=self.values[:, :, : max(0, self.position(hour))])

    def since(self, hour: datetime) -> History:
        """The part from an hour on; all of it where it starts later."""
        first = max(0, self.position(hour))
        return replace(self, start=self.start + first * HOUR, values=self.values[:, :, first:])

    def position(self, hour: datetime) -> int:
        """Index of an hour on the grid."""
        return int((hour - self.start) / HOUR)

    def of(self, column: str) -> Floats:
        """One column, shape (stations, hours)."""
        return self.values[:, COLUMNS.index(column)]

    def targets(self) -> Floats:
        """What is forecast, shape (stations, `TARGETS`, hours)."""
        return self.values[:, : len(TARGETS)]
