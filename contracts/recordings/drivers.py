"""Values beside the pollutants that recorded files may have: coarse particles and the weather."""

from __future__ import annotations

COMPASS = (
    *("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE"),
    *("S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"),
)
"""Points of the compass, clockwise from north."""

WIND_DIRECTION = "wind_direction"

DRIVER_LIMITS: dict[str, tuple[float, float]] = {
    "pm10": (0, 20_000),
    "temperature": (-90, 60),
    "pressure": (500, 1_100),
    "dew_point": (-90, 60),
    "rain": (0, 500),
    "wind_speed": (0, 120),
    WIND_DIRECTION: (0, 360),
}
"""Possible values: PM10 in µg/m³, °C, hPa, mm per hour, m/s, and degrees of the wind's origin."""
