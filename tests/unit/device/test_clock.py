"""A station whose clock is not set: readings are held, and dated once the clock is set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from contracts.messages.telemetry import json_schema
from device.clock import CLOCK_FLOOR, SystemClock, is_set
from device.outbox.retention import Drops, Limits
from device.outbox.store import Outbox
from device.sensors.readings import Boot, Message, dated
from device.sensors.simulation import SITES, LiveSimulation

TOPIC = "telemetry/harbour"
SET_TO = datetime(2026, 6, 1, 12, tzinfo=UTC)
VALIDATOR = Draft202012Validator(json_schema(), format_checker=FormatChecker())


@dataclass
class StationClock:
    """A clock that starts in 1970, as on a station without a battery."""

    start: str = "first"
    seconds: float = 0.0
    shown: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.shown

    def uptime(self) -> float:
        return self.seconds

    def passes(self, seconds: float) -> None:
        self.seconds += seconds
        self.shown += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> StationClock:
    return StationClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite3"


def live(clock: StationClock) -> Iterator[Message]:
    sensor = LiveSimulation(SITES[0], clock=clock.now)
    return Boot.new("harbour").live_messages(sensor.station, sensor.readings(), clock)


def taken(clock: StationClock, messages: Iterator[Message], count: int) -> list[Message]:
    """Take a number of readings, ten seconds apart."""
    found = []
    for message in islice(messages, count):
        found.append(message)
        clock.passes(10)
    return found


def held(path: Path, messages: list[Message], clock: StationClock, **options) -> Outbox:
    outbox = Outbox(path, **options)
    outbox.hold(TOPIC, [(m.payload, m.uptime) for m in messages], clock.start, ())
    return outbox


def bodies(outbox: Outbox) -> list[dict]:
    return [json.loads(parcel.payload) for parcel in outbox.after(0, 100)]


def test_a_clock_is_set_if_it_shows_the_packages_year_or_later():
    assert not is_set(CLOCK_FLOOR - timedelta(seconds=1))
    assert is_set(CLOCK_FLOOR)


def test_readings_of_an_unset_clock_have_an_uptime_instead_of_a_time(clock):
    messages = live(clock)
    [early] = taken(clock, messages, 1)
    clock.shown = SET_TO
    [late] = taken(clock, messages, 1)
    assert (early.taken_at, early.uptime) == (None, 0.0)
    assert (late.taken_at, late.uptime) == (SET_TO, None)


def test_held_readings_get_their_correct_times_once_the_clock_is_set(clock, path):
    messages = live(clock)
    with held(path, taken(clock, messages, 3), clock) as outbox:
        assert (len(outbox), outbox.held, outbox.after(0, 9)) == (3, 3, [])
        clock.shown = SET_TO
        outbox.date(clock, dated)
        [later] = taken(clock, messages, 1)
        outbox.put(TOPIC, [later.payload])
        found = bodies(outbox)
        assert outbox.held == 0
        assert outbox.size == sum(len(parcel.payload) for parcel in outbox.after(0, 9))
    assert [body["timestamp"] for body in found] == [
        "2026-06-01T11:59:30Z",
        "2026-06-01T11:59:40Z",
        "2026-06-01T11:59:50Z",
        "2026-06-01T12:00:00Z",
    ]
    assert [body["sequence"] for body in found] == [0, 1, 2, 3]
    for body in found:
        VALIDATOR.validate(body)


def test_held_readings_survive_a_crash_of_the_agent(clock, path):
    held(path, taken(clock, live(clock), 2), clock).close()
    clock.passes(3600)
    clock.shown = SET_TO
    with Outbox(path) as outbox:
        outbox.date(clock, dated)
        times = [body["timestamp"] for body in bodies(outbox)]
    assert times == ["2026-06-01T10:59:40Z", "2026-06-01T10:59:50Z"]


def test_readings_held_before_a_restart_are_dropped_and_counted(clock, path):
    held(path, taken(clock, live(clock), 2), clock).close()
    again = StationClock(start="second", seconds=5.0, shown=SET_TO)
    with Outbox(path) as outbox:
        outbox.date(again, dated)
        assert (len(outbox), outbox.held, outbox.size) == (0, 0, 0)
        assert (outbox.drops, outbox.dropped) == (Drops(undated=2), 2)


def test_held_readings_count_towards_the_size_limit(clock, path):
    messages = taken(clock, live(clock), 3)
    limits = Limits(max_bytes=len(messages[0].payload) * 2)
    with held(path, messages, clock, limits=limits) as outbox:
        assert (len(outbox), outbox.held, outbox.drops) == (2, 2, Drops(size=1))


def test_the_system_clock_is_utc_and_its_uptime_does_not_decrease():
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.uptime() <= clock.uptime()
    assert clock.start == SystemClock().start or not Path("/proc").exists()
