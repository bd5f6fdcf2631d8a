"""The history of a group of stations up to an hour: pollutants and weather on one hourly grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from evaluation_container.scoring.metrics import Floats
from forecast_format.related import mean_where_enough

from contracts.models.forecast_input import HORIZON
from forecasting.errors import ForecastingError

HOUR = timedelta(hours=1)

TARGETS = ("PM2.5", "O3", "NO2", "CO", "SO2")
"""Pollutants of recorded stations in µg/m³, with the names in their files."""

WEATHER = ("TEMP", "PRES", "DEWP", "RAIN", "WSPM", "WIND_U", "WIND_V")
"""Temperature and dew point in °C, pressure in hPa, rain in mm, wind speed and the wind's two
components (direction of origin; east, north) in m/s."""

DRIVERS = ("PM10", *WEATHER)
"""Columns that help to predict the pollutants."""

COLUMNS = (*TARGETS, *DRIVERS)


@dataclass(frozen=True)
class History:
    """Hourly values of every station: pollutants and weather on one grid, which can be cut in time.

    A backtest uses it; `forecasting.backtest.instances` converts it into the
    `forecast_format.series.Series` that containers are trained on.

    Parameters
    ----------
    start
        First hour, in the data's time: local for station files, UTC for the lake.
    values
        Values, shape (stations, `columns`, hours); NaN is missing.
    pollutants
        Columns to forecast, in µg/m³; the first ones.
    drivers
        The other columns.
    weather
        `WEATHER` known in advance, up to `HORIZON` hours beyond the values, without gaps; shape
        (stations, `WEATHER`, hours + `HORIZON`). None if no weather is known in advance.
    clock
        Name of the data's time, for reports.
    """

    start: datetime
    stations: tuple[str, ...]
    values: npt.NDArray[np.float64]
    pollutants: tuple[str, ...] = TARGETS
    drivers: tuple[str, ...] = DRIVERS
    weather: Floats | None = None
    clock: str = "UTC"

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names, in the order of the values' second axis."""
        return (*self.pollutants, *self.drivers)

    @property
    def hours(self) -> int:
        """Number of hours of the grid."""
        return int(self.values.shape[2])

    @property
    def end(self) -> datetime:
        """The hour after the last one: the origin of a forecast from this history."""
        return self.start + self.hours * HOUR

    def until(self, hour: datetime) -> History:
        """Return the part before an hour, with the weather that is known after it."""
        return self._between(0, min(self.hours, max(0, self.position(hour))))

    def since(self, hour: datetime) -> History:
        """Return the part from an hour on; the whole history if it starts later."""
        return self._between(min(self.hours, max(0, self.position(hour))), self.hours)

    def position(self, hour: datetime) -> int:
        """Return the index of an hour on the grid."""
        return int((hour - self.start) / HOUR)

    def of(self, column: str) -> Floats:
        """Return one column, shape (stations, hours)."""
        return self.values[:, self.columns.index(column)]

    def targets(self) -> Floats:
        """Return the values to forecast, shape (stations, `pollutants`, hours)."""
        return self.values[:, : len(self.pollutants)]

    def with_weather_known(self) -> History:
        """Return the same history with the recorded weather known one horizon ahead.

        A real weather forecast is less accurate, so the result is an upper bound. Gaps are
        interpolated linearly, and filled with the nearest value at the ends.

        Raises
        ------
        ForecastingError
            No weather was recorded.
        """
        if not set(WEATHER) <= set(self.drivers):
            raise ForecastingError(
                f"WEATHER=known needs recorded weather, {', '.join(WEATHER)}; these data have none"
            )
        recorded = np.stack([self.of(name) for name in WEATHER], axis=1)
        around = np.stack(
            [mean_where_enough([*self.of(name).astype(np.float32)]) for name in WEATHER]
        )
        unmeasured = ~np.isfinite(recorded).any(axis=2)  # a station without the instrument
        recorded[unmeasured] = np.broadcast_to(around, recorded.shape)[unmeasured]
        lacking = ~np.isfinite(recorded).any(axis=2).all(axis=0)
        if lacking.any():
            names = ", ".join(np.array(WEATHER)[lacking])
            raise ForecastingError(f"WEATHER=known: {names} was recorded at too few stations")
        filled = np.apply_along_axis(_without_gaps, 2, recorded)
        ahead = np.pad(filled, ((0, 0), (0, 0), (0, HORIZON)), mode="edge")
        return replace(self, weather=ahead)

    def _between(self, first: int, end: int) -> History:
        known = self.weather
        return replace(
            self,
            start=self.start + first * HOUR,
            values=self.values[:, :, first:end],
            weather=None if known is None else known[:, :, first : end + HORIZON],
        )


def _without_gaps(values: Floats) -> Floats:
    hours = np.arange(len(values))
    there = np.isfinite(values)
    return np.interp(hours, hours[there], values[there])
