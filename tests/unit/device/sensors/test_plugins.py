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

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.json_text import MAX_DEPTH
from contracts.messages.telemetry import POLLUTANTS, json_schema
from device.agent.loop import Agent
from device.agent.pace import Pace
from device.errors import SensorError
from device.outbox.store import Outbox
from device.sensors.plugins import GROUP, Feed, JsonLines, Setting, guarded, names, open_sensor
from device.sensors.readings import Boot, Message, Reading, Station

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Noon:
    """A clock that always shows noon."""

    start: str = "first"

    def now(self) -> datetime:
        return NOON

    def uptime(self) -> float:
        return 0.0


@dataclass(frozen=True)
class Unset(Noon):
    """A clock that was never set."""

    def now(self) -> datetime:
        return datetime(1970, 1, 1, 0, 1, tzinfo=UTC)


SCHEMA = jsonschema.Draft202012Validator(json_schema())


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


def external(setting: Setting):
    """Build a sensor as another package would."""
    port = setting.text("port")
    if port == "none":
        raise OSError("no such port")

    class External:
        station = Station(f"{setting.thing_name} at {port}", 0, 0)

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
        Reading(0, NOON - timedelta(hours=4), {"ozone": 41.5}, time_is_given=True),
        Reading(1, NOON, {"ozone": None}),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ozone 5", "Expecting value"),
        ("[1]", "expected a JSON object"),
        ('{"radon": 1}', "got 'radon'"),
        ('{"ozone": "5"}', "ozone: expected a number or null; got '5'"),
        ('{"ozone": NaN}', "has no NaN"),
        ('{"ozone": true}', "ozone: expected a number"),
        ('{"timestamp": "2026-06-01T10:00:00"}', "expected ISO 8601 with an offset"),
        ('{"timestamp": 5}', "expected ISO 8601 with an offset"),
        ('{"timestamp": "0001-01-01T00:00:00+14:00"}', "got '0001-01-01T00:00:00+14:00'"),
        ('{"timestamp": "1970-01-01T00:00:09Z"}', "expected a time from 2000-01-01"),
        ('{"ozone": 1e400}', "expected a number in the range of a double; got 1e400"),
        ('{"ozone": ' + "9" * 400 + "}", "ozone: expected a number or null; got 999"),
        ('{"ozone": ' + "9" * 5000 + "}", "digits"),
        ("[" * 60_000 + "]" * 60_000, "expected at most 65,536 bytes"),
        ("[" * 30_000 + "]" * 30_000, f"expected at most {MAX_DEPTH} nested"),
        ('{"ozone":' * 900 + "1" + "}" * 900, f"expected at most {MAX_DEPTH} nested"),
        ('{"ozone": ' + "[" * 99 + "]" * 99 + "}", "ozone: expected a number or null; got [["),
        ('{"\\n": 1}', "got '\\n'"),
    ],
)
def test_an_invalid_line_is_reported_and_skipped(line, message, capsys):
    assert jsonl(line, '{"ozone": 1}') == [Reading(0, NOON, {"ozone": 1})]
    output = capsys.readouterr().err
    assert output.startswith("lakecast device: line 1: ") and message in output


def test_times_of_a_backlog_are_kept_by_a_station_with_and_without_a_clock():
    """They are of the sensor; the clock's floor says nothing about them."""
    times = ["2003-02-01T10:00:00Z", "2025-12-31T23:00:00Z", "2026-01-01T00:00:00Z"]
    pipe = io.BytesIO("".join(f'{{"ozone": 1, "timestamp": "{t}"}}\n' for t in times).encode())
    for clock in (Noon(), Unset()):
        pipe.seek(0)
        sensor = JsonLines(Station("harbour", 0, 0), pipe, clock)
        messages = list(Boot.new("a").live_messages(sensor.station, sensor.readings(), clock))
        assert [json.loads(message.payload)["timestamp"] for message in messages] == times
        assert [message.uptime for message in messages] == [None] * 3


def test_a_byte_order_mark_at_the_start_and_a_line_without_an_end_are_read():
    pipe = io.BytesIO(b'\xef\xbb\xbf{"ozone": 1}\n{"ozone": 2}')
    readings = JsonLines(Station("harbour", 0, 0), pipe, Noon()).readings()
    assert [reading.concentrations["ozone"] for reading in readings] == [1, 2]


lines = st.one_of(
    st.binary(max_size=60),
    st.from_regex(rb'\{"(ozone|timestamp|radon)": ?[-0-9eE"\[{NaInf.TZ:+]{0,30}\}', fullmatch=True),
    st.dictionaries(
        st.sampled_from(["ozone", "carbon_monoxide", "radon"]),
        st.one_of(st.none(), st.floats(), st.integers(), st.integers(min_value=10**300), st.text()),
    ).map(lambda body: json.dumps(body).encode()),
    st.datetimes(timezones=st.timezones()).map(
        lambda moment: json.dumps({"timestamp": moment.isoformat()}).encode()
    ),
).map(lambda line: line.replace(b"\n", b" "))


@given(st.lists(lines, max_size=5))
def test_no_line_ends_the_sensor_or_changes_the_readings_around_it(between):
    around = b'{"ozone": 1}\n' + b"\n".join(between) + b'\n{"ozone": 2}\n'
    sensor = JsonLines(Station("harbour", 0, 0), io.BytesIO(around), Noon())
    boot = Boot.new("harbour")
    bodies = [
        json.loads(message.payload, parse_constant=pytest.fail)
        for message in boot.live_messages(sensor.station, sensor.readings(), Noon())
    ]
    assert [body["sequence"] for body in bodies] == list(range(len(bodies)))
    assert (bodies[0]["ozone"], bodies[-1]["ozone"]) == (1, 2)
    for body in bodies:
        SCHEMA.validate(body | dict.fromkeys(POLLUTANTS) | {"latitude": 1})


def test_any_error_of_a_sensor_is_reported_in_one_line():
    def messages() -> Iterator[Message]:
        yield Message(b"1", NOON)
        raise KeyError("port")

    watched = guarded(messages())
    assert next(watched).payload == b"1"
    with pytest.raises(SensorError, match="the sensor failed: KeyError: 'port'"):
        next(watched)


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
