"""The agent's loop with a broker in memory: only acknowledged messages leave the outbox."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from device.agent.batching import Batching
from device.agent.loop import TAKE, Agent
from device.agent.pace import Pace
from device.agent.publishing import WINDOW
from device.errors import OutboxError, RefusedError, UnreachableError
from device.outbox.retention import Limits
from device.outbox.store import Outbox
from device.sensors.readings import Boot, Message, Reading, Station
from tests.support.device.memory_broker import (
    NO_SUBSCRIBERS,
    NOT_AUTHORIZED,
    QUOTA_EXCEEDED,
    SUCCESS,
    TOPIC,
    Broker,
)

FAST = Pace(drain=timedelta(0), patience=timedelta(seconds=30))


@pytest.fixture(autouse=True)
def no_idle_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.agent.loop.IDLE_SECONDS", 0.01)


def messages(count: int) -> Iterator[Message]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return (Message(str(n).encode(), start + timedelta(hours=n)) for n in range(count))


def run(outbox, broker, source, pace=FAST, stop=None):
    agent = Agent(outbox, broker, TOPIC, pace, wake=threading.Event())
    return agent.run(source, stop or threading.Event())


def test_all_messages_are_published_in_order_and_the_outbox_is_empty_at_the_end(outbox):
    broker, count = Broker(), 2 * TAKE + 7
    tally = run(outbox, broker, messages(count))
    assert broker.published == [str(n).encode() for n in range(count)]
    assert (tally.taken, tally.sent, tally.acknowledged, tally.left) == (count, count, count, 0)
    assert tally.first == datetime(2026, 1, 1, tzinfo=UTC)
    assert tally.last - tally.first == timedelta(hours=count - 1)


def test_a_message_without_subscribers_is_acknowledged_too(outbox):
    assert run(outbox, Broker(lambda _: NO_SUBSCRIBERS), messages(3)).acknowledged == 3


def test_an_agent_without_readings_succeeds(outbox):
    assert run(outbox, Broker(), messages(0)).taken == 0


@pytest.mark.parametrize("failure", [QUOTA_EXCEEDED, TimeoutError("no PUBACK")])
def test_a_failed_message_is_published_again_until_it_is_acknowledged(outbox, failure):
    refused = {b"3", b"5"}

    def answer(payload: bytes) -> int | Exception:
        if payload in refused:
            refused.remove(payload)
            return failure
        return SUCCESS

    broker = Broker(answer)
    tally = run(outbox, broker, messages(10))
    assert sorted(broker.published) == sorted([*(str(n).encode() for n in range(10)), b"3", b"5"])
    assert (tally.acknowledged, tally.left) == (10, 0)


def test_messages_of_an_earlier_run_are_sent_first_and_counted_separately(outbox):
    outbox.put(TOPIC, [b"old 1", b"old 2"])
    broker = Broker()
    tally = run(outbox, broker, messages(3))
    assert broker.published == [b"old 1", b"old 2", b"0", b"1", b"2"]
    assert (tally.carried_over, tally.acknowledged, tally.left) == (2, 3, 0)


def test_at_most_one_window_is_unacknowledged(outbox):
    outbox.put(TOPIC, [b"left by an earlier run"] * 3 * WINDOW)
    broker, stop = Broker(lambda _: None), threading.Event()
    agent = Agent(
        outbox, broker, TOPIC, FAST, wake=threading.Event(), progress=lambda _: stop.set()
    )
    agent.run(messages(WINDOW), stop)
    assert broker.most_unanswered == WINDOW


def test_a_stopped_agent_keeps_unacknowledged_messages(outbox):
    broker, stop = Broker(lambda payload: SUCCESS if payload == b"0" else None), threading.Event()
    agent = Agent(
        outbox,
        broker,
        TOPIC,
        FAST,
        wake=threading.Event(),
        progress=lambda tally: stop.set() if tally.acknowledged else None,
    )
    tally = agent.run(messages(5), stop)
    assert (tally.acknowledged, tally.left) == (1, 4)
    assert [parcel.payload for parcel in outbox.after(0, 10)] == [b"1", b"2", b"3", b"4"]


def test_an_offline_agent_keeps_readings_and_stops_after_its_patience(outbox):
    broker = Broker(connected=False, trouble="AWS_IO_SOCKET_CONNECTION_REFUSED")
    pace = Pace(patience=timedelta(0))
    with pytest.raises(UnreachableError, match=r"CONNECTION_REFUSED.*3 messages stay in"):
        agent = Agent(outbox, broker, TOPIC, pace, wake=threading.Event())
        agent._take(messages(3))
        agent.run(messages(0), threading.Event())
    assert broker.published == []
    assert len(outbox) == 3


def test_a_refused_connection_ends_the_agent(outbox):
    with pytest.raises(RefusedError, match="certificate is not registered"):
        run(outbox, Broker(refusal="certificate is not registered"), messages(1))


def test_a_refused_topic_ends_the_agent_and_keeps_the_message(outbox):
    broker = Broker(lambda payload: NOT_AUTHORIZED if payload == b"1" else SUCCESS)
    with pytest.raises(RefusedError, match=f"publish on {TOPIC}"):
        run(outbox, broker, messages(3))
    assert [parcel.payload for parcel in outbox.after(0, 10)] == [b"1"]


def test_a_live_agent_takes_one_reading_at_a_time(outbox):
    stop, taken = threading.Event(), []

    def live() -> Iterator[Message]:
        for number, message in enumerate(messages(100)):
            taken.append(len(outbox))
            if number == 1:
                stop.set()
            yield message

    pace = Pace(delay=timedelta(milliseconds=250))
    tally = run(outbox, Broker(), live(), pace, stop)
    assert taken == [0, 0]
    assert (tally.taken, tally.left) == (2, 0)


def test_a_full_disk_ends_the_agent_before_anything_is_published(outbox, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OutboxError("database or disk is full")

    monkeypatch.setattr(outbox, "put", full)
    broker = Broker()
    with pytest.raises(OutboxError, match="disk is full"):
        run(outbox, broker, messages(3))
    assert broker.published == []


def test_a_heartbeat_contains_the_devices_status(tmp_path):
    with Outbox(tmp_path / "small.sqlite3", Limits(max_bytes=2)) as outbox:
        outbox.put(TOPIC, [b"x", b"y", b"z"])
        broker, stop = Broker(lambda p: SUCCESS if p == b"z" else None, sessions=3), Event()
        pace = Pace(drain=timedelta(0), heartbeat=timedelta(microseconds=1))
        agent = Agent(
            outbox,
            broker,
            TOPIC,
            pace,
            wake=Event(),
            progress=lambda tally: stop.set() if tally.carried_over else None,
            about={"transport": "paho"},
        )
        agent.run(messages(1), stop)
    assert broker.reports[-1] == {
        "transport": "paho",
        "queue_depth": 1,
        "queue_bytes": 1,
        "dropped": {"age": 0, "size": 2, "undated": 0},
        "reconnects": 2,
        "taken": 1,
        "acknowledged": 1,
    }
    assert len(broker.reports) > 1


def test_readings_of_an_unset_clock_are_published_in_order_once_it_is_set(outbox):
    @dataclass
    class Clock:
        shown: datetime = datetime(1970, 1, 1, tzinfo=UTC)
        start: str = "first"

        def now(self) -> datetime:
            return self.shown

        def uptime(self) -> float:
            return 0.0

    clock, broker = Clock(), Broker()

    def source() -> Iterator[Message]:
        yield Message(b'{"sequence":0}', uptime=0.0)
        yield Message(b'{"sequence":1}', uptime=0.0)
        clock.shown = datetime(2026, 6, 1, tzinfo=UTC)
        yield Message(b'{"sequence":2}', clock.shown)

    pace = Pace(delay=timedelta(milliseconds=250))
    agent = Agent(outbox, broker, TOPIC, pace, wake=Event(), clock=clock)
    tally = agent.run(source(), Event())
    assert [json.loads(payload)["sequence"] for payload in broker.published] == [0, 1, 2]
    assert json.loads(broker.published[0])["timestamp"] == "2026-06-01T00:00:00Z"
    assert (tally.taken, tally.acknowledged, tally.left) == (3, 3, 0)


def test_a_batch_that_is_not_full_is_sent_at_the_end_of_the_readings(outbox):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    place, readings = Station("harbour", 3.0, 51.0), [Reading(n, start, {}) for n in range(5)]
    source = Boot.new("harbour").messages(place, readings)
    broker, pace = Broker(), Pace(drain=timedelta(0))
    agent = Agent(outbox, broker, TOPIC, pace, wake=Event(), batching=Batching(100))
    assert agent.run(source, Event()).acknowledged == 5
    [payload] = broker.published
    assert [r["sequence"] for r in json.loads(payload)["readings"]] == list(range(5))


def test_a_replay_has_no_heartbeat(outbox):
    broker = Broker()
    run(outbox, broker, messages(3))
    assert broker.reports == []


def test_dropped_messages_are_counted(tmp_path):
    with Outbox(tmp_path / "small.sqlite3", Limits(max_bytes=10)) as outbox:
        outbox.put(TOPIC, [b"left over"])
        broker = Broker(connected=False)
        agent = Agent(outbox, broker, TOPIC, FAST, wake=threading.Event())
        agent._take(messages(12))  # "0" to "9", "10", "11": 14 bytes
        assert (agent.tally.dropped, agent.tally.left) == (5, 8)
        broker.connected = True
        tally = agent.run(messages(0), threading.Event())
    assert broker.published == [str(n).encode() for n in range(4, 12)]
    assert (tally.taken, tally.sent, tally.acknowledged, tally.dropped) == (12, 8, 8, 5)
