"""Simulated stations: the same seed gives the same air, and the air has realistic patterns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from statistics import correlation, mean

import pytest

from contracts.messages.telemetry import POLLUTANTS
from device.sensors.readings import Reading
from device.sensors.simulation import FIRST_HOUR, SITES, LiveSimulation, SimulatedRecording, sites

END = datetime(2025, 9, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
RING_ROAD = SITES[1]


def recording(days: int, site=RING_ROAD, end=END, seed=0) -> list[Reading]:
    return list(SimulatedRecording(site, end - timedelta(days=days), end, seed).readings())


@pytest.fixture(scope="module")
def summer() -> list[Reading]:
    """Return 120 days of the ring road."""
    return recording(120)


def values(
    readings: list[Reading], pollutant: str, when: Callable[[datetime], bool]
) -> list[float]:
    """Return measured values at local times (UTC+1) that fulfil a condition."""
    return [
        value
        for reading in readings
        if when(reading.taken_at + HOUR)
        and (value := reading.concentrations[pollutant]) is not None
    ]


def test_the_same_seed_gives_the_same_readings(summer):
    assert recording(120) == summer


def test_another_seed_gives_other_readings(summer):
    assert recording(120, seed=1) != summer


def test_a_longer_window_contains_the_shorter_one(summer):
    week = recording(7)
    assert week == summer[-len(week) :]


def test_a_place_is_the_number_of_hours_since_the_first(summer):
    assert all(FIRST_HOUR + reading.place * HOUR == reading.taken_at for reading in summer)


def test_readings_are_hourly_within_the_window(summer):
    times = [reading.taken_at for reading in summer]
    assert times == sorted(set(times))
    assert all(time.minute == time.second == 0 for time in times)
    assert END - timedelta(days=120) <= times[0] and times[-1] < END


def test_traffic_has_its_rush_hour(summer):
    rush = values(summer, "nitrogen_dioxide", lambda t: t.weekday() < 5 and t.hour in (8, 18))
    night = values(summer, "nitrogen_dioxide", lambda t: t.weekday() < 5 and t.hour == 3)
    assert mean(rush) > 2 * mean(night)


def test_traffic_is_lower_at_the_weekend(summer):
    workday = values(summer, "nitrogen_dioxide", lambda t: t.weekday() < 5 and t.hour == 8)
    weekend = values(summer, "nitrogen_dioxide", lambda t: t.weekday() >= 5 and t.hour == 8)
    assert mean(weekend) < 0.8 * mean(workday)


def test_ozone_peaks_in_the_afternoon(summer):
    afternoon = values(summer, "ozone", lambda t: t.hour in (13, 14, 15))
    morning = values(summer, "ozone", lambda t: t.hour in (5, 6, 7))
    assert mean(afternoon) > 1.5 * mean(morning)


def test_particles_and_carbon_monoxide_are_correlated(summer):
    pairs = [
        (reading.concentrations["particulate_matter"], reading.concentrations["carbon_monoxide"])
        for reading in summer
        if None not in reading.concentrations.values()
    ]
    assert correlation(*zip(*pairs, strict=True)) > 0.6


def test_neighbouring_stations_share_the_weather():
    here = {r.taken_at.date(): r.concentrations["particulate_matter"] for r in recording(60)}
    there = {
        r.taken_at.date(): r.concentrations["particulate_matter"]
        for r in recording(60, site=SITES[0])
    }
    pairs = [(here[day], there[day]) for day in here if here[day] is not None and there.get(day)]
    assert correlation(*zip(*pairs, strict=True)) > 0.5


def test_a_few_readings_and_values_are_missing(summer):
    silent_hours = 120 * 24 - len(summer)
    nulls = sum(value is None for reading in summer for value in reading.concentrations.values())
    assert 0 < silent_hours < 0.05 * 120 * 24
    assert 0 < nulls < 0.05 * len(summer) * len(POLLUTANTS)


def test_concentrations_are_positive_and_realistic(summer):
    limits = dict(zip(POLLUTANTS, (400, 300, 5000, 150, 400), strict=True))
    for reading in summer:
        assert tuple(reading.concentrations) == POLLUTANTS
        for pollutant, value in reading.concentrations.items():
            assert value is None or 0 < value < limits[pollutant]


def test_additional_stations_have_unique_names_and_locations():
    stations = [site.station for site in sites(14)]
    assert len({station.name for station in stations}) == 14
    assert len({(station.longitude, station.latitude) for station in stations}) == 14


def test_a_count_of_zero_stations_is_rejected():
    with pytest.raises(ValueError, match="at least one station; got 0"):
        sites(0)


def test_a_start_before_the_first_hour_is_rejected():
    with pytest.raises(ValueError, match=r"begins at 2025-01-01.*take fewer days"):
        SimulatedRecording(RING_ROAD, FIRST_HOUR - HOUR, END)


def test_a_live_reading_at_a_full_hour_equals_the_recorded_one():
    moments = [END - 3 * HOUR, END - 2 * HOUR]
    clock = iter(moments)
    live = islice(LiveSimulation(RING_ROAD, clock=lambda: next(clock)).readings(), 2)
    hourly = [r.concentrations for r in recording(1) if r.taken_at in moments]
    assert [reading.concentrations for reading in live] == hourly


def test_live_readings_are_interpolated_and_count_from_zero(summer):
    hour, next_hour = next(
        pair
        for pair in pairwise(summer)
        if all(None not in reading.concentrations.values() for reading in pair)
        and pair[1].place == pair[0].place + 1
    )
    clock = iter([hour.taken_at + timedelta(minutes=minute) for minute in (15, 45)])
    live = list(islice(LiveSimulation(RING_ROAD, clock=lambda: next(clock)).readings(), 2))
    assert [reading.place for reading in live] == [0, 1]
    for pollutant in POLLUTANTS:
        low, high = sorted((hour.concentrations[pollutant], next_hour.concentrations[pollutant]))
        assert all(low <= reading.concentrations[pollutant] <= high for reading in live)


def test_a_live_reading_of_a_silent_station_has_no_values():
    hours = {reading.place for reading in recording(120)}
    silent = next(place for place in range(min(hours), max(hours)) if place not in hours)
    sensor = LiveSimulation(RING_ROAD, clock=lambda: FIRST_HOUR + silent * HOUR)
    assert set(next(sensor.readings()).concentrations.values()) == {None}
