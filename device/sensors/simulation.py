"""Simulated sensors: six stations of a fictional city, with realistic air quality.

The air of an hour depends only on the seed, the station and the hour. Therefore replays of the last
60 and of the last 90 days agree where they overlap, and a reading keeps its identity. The weather
is always computed from a fixed first hour (a few microseconds per hour).

Concentrations are base × activity × weather × noise:

- traffic peaks at 8:00 and 18:00 local time and is lower at weekends (NO₂, CO, PM2.5);
- industry works by day, mainly on workdays (SO₂);
- sunlight produces ozone in the afternoon and in summer, and traffic's NO removes it;
- still air, equal over the whole city and lasting for days, accumulates everything except ozone;
- each station and each pollutant adds its own first-order autoregressive noise;
- occasionally a station is silent for hours, or one of its sensors has no value.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts.messages.telemetry import POLLUTANTS
from device.sensors.readings import Reading, Station

FIRST_HOUR = datetime(2025, 1, 1, tzinfo=UTC)
"""Start of the simulated weather, and place 0 of its readings."""

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Site:
    """A station; traffic and industry nearby as shares of the city's maximum."""

    station: Station
    traffic: float
    industry: float


SITES = (
    Site(Station("harbour", 3.182, 51.321), traffic=0.6, industry=0.9),
    Site(Station("ring-road", 3.221, 51.214), traffic=1.0, industry=0.4),
    Site(Station("old-town", 3.226, 51.208), traffic=0.5, industry=0.2),
    Site(Station("steelworks", 3.289, 51.243), traffic=0.4, industry=1.0),
    Site(Station("riverside", 3.247, 51.188), traffic=0.3, industry=0.3),
    Site(Station("hillside", 3.151, 51.152), traffic=0.1, industry=0.1),
)
"""Stations of the fictional city. Additional stations repeat these at other locations."""

_UTC_OFFSET = timedelta(hours=1)
_WEEKEND = (5, 6)

_BASE = {  # µg/m³ in still air without people
    "ozone": 55.0,
    "particulate_matter": 9.0,
    "carbon_monoxide": 220.0,
    "sulfur_dioxide": 3.0,
    "nitrogen_dioxide": 9.0,
}
_STILLNESS = {  # how strongly still air accumulates a pollutant, or reduces ozone
    "ozone": -0.35,
    "particulate_matter": 1.0,
    "carbon_monoxide": 0.6,
    "sulfur_dioxide": 0.5,
    "nitrogen_dioxide": 0.6,
}
_SILENT_STATION = (0.0015, 1, 8)  # probability per hour of a start; shortest and longest, hours
_SILENT_SENSOR = (0.0015, 1, 24)


class _Noise:
    """First-order autoregressive noise with a lag-1 correlation and a standard deviation."""

    def __init__(self, rng: random.Random, correlation: float, deviation: float) -> None:
        self._rng = rng
        self._correlation = correlation
        self._innovation = deviation * math.sqrt(1 - correlation**2)
        self._value = rng.gauss(0, deviation)

    def next(self) -> float:
        self._value = self._correlation * self._value + self._rng.gauss(0, self._innovation)
        return self._value


class _Outage:
    """Random periods of silence."""

    def __init__(self, rng: random.Random, kind: tuple[float, int, int]) -> None:
        self._rng = rng
        self._chance, self._shortest, self._longest = kind
        self._left = 0

    def next(self) -> bool:
        if self._left == 0 and self._rng.random() < self._chance:
            self._left = self._rng.randint(self._shortest, self._longest)
            return True
        self._left = max(0, self._left - 1)
        return self._left > 0


def sites(count: int) -> list[Site]:
    """Return the first ``count`` stations.

    Raises
    ------
    ValueError
        ``count`` is not positive.
    """
    if count < 1:
        raise ValueError(f"expected at least one station; got {count}")
    return [_site(number) for number in range(count)]


def _site(number: int) -> Site:
    model, round_trip = SITES[number % len(SITES)], number // len(SITES)
    if not round_trip:
        return model
    station = Station(
        f"{model.station.name}-{round_trip + 1}",
        round(model.station.longitude + 0.02 * round_trip, 3),
        round(model.station.latitude + 0.01 * round_trip, 3),
    )
    return Site(station, model.traffic, model.industry)


def _activity(site: Site, moment: datetime) -> dict[str, float]:
    """Return the factors of people and sunlight on each pollutant's base at a time."""
    local = moment + _UTC_OFFSET
    hour = local.hour + local.minute / 60
    weekend = local.weekday() in _WEEKEND
    rush = _bump(hour, 8, 2.0) + 1.1 * _bump(hour, 18, 2.5)
    traffic = site.traffic * (0.25 + rush) * (0.6 if weekend else 1.0)
    industry = site.industry * (0.4 + 0.6 * _bump(hour, 13, 5.0)) * (0.5 if weekend else 1.0)
    sun = _bump(hour, 14.5, 3.5)
    summer = 0.5 - 0.5 * math.cos(2 * math.pi * (local.timetuple().tm_yday - 15) / 365.25)
    return {
        "ozone": (0.35 + sun * (0.5 + 0.9 * summer)) / (1 + 0.8 * traffic),
        "particulate_matter": 0.8 + 0.9 * traffic + 0.6 * industry + 0.5 * (1 - summer),
        "carbon_monoxide": 0.8 + 1.3 * traffic + 0.3 * (1 - summer),
        "sulfur_dioxide": 0.5 + 2.6 * industry,
        "nitrogen_dioxide": 0.5 + 3.0 * traffic + 0.4 * industry,
    }


def _bump(hour: float, peak: float, width: float) -> float:
    """Return a bell curve over the 24 hours of a day, 1 at the peak."""
    distance = (hour - peak + 12) % 24 - 12
    return math.exp(-0.5 * (distance / width) ** 2)


def _hours(site: Site, seed: int) -> Iterator[tuple[datetime, dict[str, float | None] | None]]:
    """Yield the air at every full hour from `FIRST_HOUR`; None while the station is silent."""

    def rng(part: str) -> random.Random:
        return random.Random(f"{seed}/{part}")  # noqa: S311 - air, not secrets

    name = site.station.name
    still_air = _Noise(rng("still air"), correlation=0.985, deviation=0.5)
    here = _Noise(rng(f"{name}/here"), correlation=0.9, deviation=0.15)
    own = {p: _Noise(rng(f"{name}/{p}"), correlation=0.7, deviation=0.12) for p in POLLUTANTS}
    station_silent = _Outage(rng(f"{name}/silence"), _SILENT_STATION)
    sensor_silent = {p: _Outage(rng(f"{name}/{p}/silence"), _SILENT_SENSOR) for p in POLLUTANTS}
    moment = FIRST_HOUR
    while True:
        stillness, local = still_air.next(), here.next()
        activity = _activity(site, moment)
        air: dict[str, float | None] = {}
        for pollutant in POLLUTANTS:
            log_weather = _STILLNESS[pollutant] * (stillness + local) + own[pollutant].next()
            value = _BASE[pollutant] * activity[pollutant] * math.exp(log_weather)
            air[pollutant] = None if sensor_silent[pollutant].next() else round(value, 1)
        yield moment, None if station_silent.next() else air
        moment += HOUR


@dataclass(frozen=True)
class SimulatedRecording:
    """Hourly readings of a simulated station in ``[start, end)``.

    Parameters
    ----------
    start, end
        Full hours, UTC, not before `FIRST_HOUR`.
    """

    site: Site
    start: datetime
    end: datetime
    seed: int = 0

    def __post_init__(self) -> None:
        if self.start < FIRST_HOUR:
            raise ValueError(
                f"simulated weather begins at {FIRST_HOUR:%Y-%m-%d}; "
                f"got a start at {self.start:%Y-%m-%d}: take fewer days"
            )

    @property
    def station(self) -> Station:
        return self.site.station

    @property
    def source(self) -> str:
        return f"simulation 1\n{self.site}\n{self.seed}"

    @property
    def parts(self) -> tuple[SimulatedRecording]:
        return (self,)

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    @property
    def expected(self) -> int:
        return int((self.end - self.start) / HOUR)

    def readings(self) -> Iterator[Reading]:
        """Yield one reading per hour; none for hours in which the station is silent."""
        for place, (moment, air) in enumerate(_hours(self.site, self.seed)):
            if moment >= self.end:
                return
            if moment >= self.start and air is not None:
                yield Reading(place, moment, air)


def utc_now() -> datetime:
    """Return the time with its time zone."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class LiveSimulation:
    """A simulated station whose readings are the air at the current time.

    Values between full hours are interpolated. While a sensor is silent, its value is None.
    """

    site: Site
    seed: int = 0
    clock: Callable[[], datetime] = utc_now

    @property
    def station(self) -> Station:
        return self.site.station

    def readings(self) -> Iterator[Reading]:
        """Yield readings endlessly, each taken when it is requested."""
        hours = _hours(self.site, self.seed)
        start, before = next(hours)
        _, after = next(hours)
        place = 0
        while True:
            now = self.clock()
            while now >= start + HOUR:
                start, before = start + HOUR, after
                _, after = next(hours)
            share = max(0.0, (now - start) / HOUR)  # an unset clock shows an earlier time
            yield Reading(place, now, _between(before, after, share))
            place += 1


def _between(
    before: dict[str, float | None] | None, after: dict[str, float | None] | None, share: float
) -> dict[str, float | None]:
    air: dict[str, float | None] = {}
    for pollutant in POLLUTANTS:
        left = before[pollutant] if before else None
        right = after[pollutant] if after else left
        if left is None:
            air[pollutant] = None
        else:
            air[pollutant] = round(left + share * ((left if right is None else right) - left), 1)
    return air
