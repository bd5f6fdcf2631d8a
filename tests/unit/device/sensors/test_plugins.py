"""Sensors are loaded by name, receive their options, and fail with a one-line error."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint, EntryPoints
from threading import Event

import pytest

from device.agent.loop import Agent
from device.agent.pace import Pace
from device.errors import SensorError
from device.outbox.store import Outbox
from device.sensors.plugins import GROUP, Feed, JsonLines, Setting, guarded, names, open_sensor
from device.sensors.readings import Message, Reading, Station

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Noon:
    """A clock that always shows noon."""

    start: str = "first"

    def now(self) -> datetime:
        return NOON

    def uptime(self) -> float:
        return 0.0


def setting(**options: str) -> Setting:
    return Setting("harbour", options, Noon())


def jsonl(*lines: str) -> list[Reading]:
    pipe = io.BytesIO("".join(f"{line}\n" for line in lines).encode())
    return list(JsonLines(Station("harbour", 0, 0), pipe, Noon()).readings())


def test_three_sensors_are_built_in():
    assert {"simulated", "csv", "stdin"} <= set(names())


def test_an_unknown_sensor_is_an_error_that_lists_the_known_ones():
    with pytest.raises(SensorError, match=r"no sensor 'nose'.*csv, simulated, stdin"):
        open_sensor("nose", setting())


def test_a_sensor_of_another_package_can_be_opened(monkeypatch):
    external = EntryPoint("external", f"{__name__}:external", GROUP)
    monkeypatch.setattr("device.sensors.plugins.entry_points", lambda **_: EntryPoints([external]))
    assert open_sensor("external", setting(port="/dev/tty1")).station.name == "harbour at /dev/tty1"
    with pytest.raises(SensorError, match="needs --option port"):
        open_sensor("external", setting())
    with pytest.raises(SensorError, match="sensor external: OSError: no such port"):
        open_sensor("external", setting(port="none"))


def external(given: Setting):
    """Build a sensor as another package would."""
    port = given.text("port")
    if port == "none":
        raise OSError("no such port")

    class External:
        station = Station(f"{given.thing_name} at {port}", 0, 0)

    return External()


def test_a_simulated_sensor_reads_the_air_at_the_current_time():
    sensor = open_sensor("simulated", setting(site="steelworks", seed="3"))
    assert sensor.station.name == "steelworks"
    first, second = itertools.islice(sensor.readings(), 2)
    assert (first.place, second.place, first.taken_at) == (0, 1, NOON)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("simulated", {"site": "moon"}, "no site 'moon'"),
        ("simulated", {"seed": "x"}, "option seed: expected a number; got 'x'"),
        ("csv", {}, "needs --option data"),
        ("stdin", {"longitude": "3"}, "needs --option latitude"),
    ],
)
def test_invalid_options_are_named(name, options, message):
    with pytest.raises(SensorError, match=message):
        open_sensor(name, setting(**options))


def test_a_recordings_values_are_played_with_the_current_time(tmp_path):
    (tmp_path / "stations.csv").write_text("station,longitude,latitude\na,1,2\nb,3,4\n")
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("date,o3\n2020-01-01,1\n2020-01-02,NA\n")
    options = {"data": str(tmp_path), "columns": "london"}
    sensor = open_sensor("csv", setting(**options, station="b"))
    assert sensor.station == Station("b", 3, 4)
    assert list(sensor.readings()) == [
        Reading(0, NOON, {"ozone": 1.0}),
        Reading(1, NOON, {"ozone": None}),
    ]
    with pytest.raises(SensorError, match="no station 'c'; there are: a, b"):
        open_sensor("csv", setting(**options, station="c"))


def test_json_lines_become_readings_with_their_own_or_the_current_time():
    timed = {"ozone": 41.5, "timestamp": "2026-06-01T10:00:00+02:00"}
    assert jsonl(json.dumps(timed), "", '{"ozone": null}') == [
        Reading(0, NOON - timedelta(hours=4), {"ozone": 41.5}),
        Reading(1, NOON, {"ozone": None}),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ozone 5", "Expecting value"),
        ("[1]", "expected a JSON object"),
        ('{"radon": 1}', "got radon"),
        ('{"ozone": "5"}', "ozone: expected a number or null; got '5'"),
        ('{"ozone": NaN}', "ozone: expected a number"),
        ('{"ozone": true}', "ozone: expected a number"),
        ('{"timestamp": "2026-06-01T10:00:00"}', "with its offset"),
        ('{"timestamp": 5}', "fromisoformat"),
    ],
)
def test_an_invalid_line_is_reported_and_skipped(line, message, capsys):
    assert jsonl(line, '{"ozone": 1}') == [Reading(0, NOON, {"ozone": 1})]
    output = capsys.readouterr().err
    assert output.startswith("lakecast device: line 1: ") and message in output


def test_any_error_of_a_sensor_is_reported_in_one_line():
    def messages() -> Iterator[Message]:
        yield Message(b"1", NOON)
        raise KeyError("port")

    given = guarded(messages())
    assert next(given).payload == b"1"
    with pytest.raises(SensorError, match="the sensor failed: KeyError: 'port'"):
        next(given)


def test_readings_of_a_self_paced_sensor_are_taken_immediately_and_kept_if_it_fails(tmp_path):
    more, read = Event(), Event()

    def messages() -> Iterator[Message]:
        yield from (Message(str(n).encode(), NOON) for n in range(1000))
        assert more.wait(30)
        yield Message(b"last", NOON)
        raise OSError("unplugged")

    class Nowhere:
        connected, refusal, trouble, sessions, room = False, None, None, 0, 1

    def progress(tally) -> None:
        if tally.taken == 1000:
            read.set()
            more.set()

    with Outbox(tmp_path / "outbox.sqlite3") as outbox:
        wake = Event()
        agent = Agent(outbox, Nowhere(), "t", Pace(self_paced=True), wake=wake, progress=progress)
        with pytest.raises(SensorError, match="unplugged"):
            agent.run(Feed(messages(), wake.set), Event())
        assert read.is_set()
        assert [p.payload for p in outbox.after(0, 2000)][-2:] == [b"999", b"last"]
        assert len(outbox) == 1001


def test_a_feed_returns_none_without_a_message_and_ends_with_its_sensor():
    gate, news = Event(), Event()

    def messages() -> Iterator[Message]:
        assert gate.wait(30)
        yield Message(b"1")

    feed = Feed(messages(), news.set)
    assert next(feed) is None
    gate.set()
    found = []
    while True:
        assert news.wait(30)
        item = next(feed, "end")
        if item == "end":
            break
        if item is not None:
            found.append(item.payload)
    assert found == [b"1"]
