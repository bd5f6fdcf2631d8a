"""Requests of the forecast API, read from validated values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.times import utc_time


@dataclass(frozen=True)
class ForecastRequest:
    """A requested forecast.

    Parameters
    ----------
    horizon
        Hours, 1 to 24.
    quantiles
        Levels in the form of `contracts.models.forecast_input.QUANTILES`, ascending, unique.
    origin
        First hour to forecast, UTC; None is the hour after the last one with data.
    """

    device_id: str
    pollutant: str
    horizon: int
    quantiles: tuple[str, ...]
    origin: datetime | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ForecastRequest:
        """Read a request in which the contract's defaults are filled in."""
        origin = values.get("origin")
        return cls(
            values["device_id"],
            values["pollutant"],
            values["horizon"],
            tuple(sorted(set(values["quantiles"]))),
            None if origin is None else utc_time(origin),
        )


@dataclass(frozen=True)
class DevicesRequest:
    """A requested page of devices: at most ``limit``, after the device ``after``."""

    limit: int
    after: str | None = None
