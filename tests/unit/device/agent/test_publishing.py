"""Publishing from the outbox to the broker: within the window, in order, and in batches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Event

from device.agent.batching import Batching
from device.agent.publishing import WINDOW, Publisher
from device.outbox.retention import Limits
from device.outbox.store import Outbox
from device.sensors.readings import Boot, Reading, Station
from tests.support.device.memory_broker import QUOTA_EXCEEDED, SUCCESS, TOPIC, Broker

BOOT, PLACE = Boot.new("harbour"), Station("harbour", 3.18, 51.32)
START = datetime(2026, 6, 1, tzinfo=UTC)


def publisher(outbox: Outbox, broker: Broker, *, readings=1, wait=None) -> Publisher:
    return Publisher(outbox, broker, Batching(readings, wait), Event())


def put(outbox: Outbox, sequences: Sequence[int], boot: Boot = BOOT) -> None:
    readings = [Reading(n, START + timedelta(seconds=n), {"ozone": 1.5}) for n in sequences]
    outbox.put(TOPIC, [boot.message(PLACE, reading).payload for reading in readings])


def sequences(broker: Broker) -> list[list[int]]:
    """Return the sequence numbers of each message, in the order of publishing."""
    found = []
    for payload in broker.published:
        body = json.loads(payload)
        found.append([reading["sequence"] for reading in body.get("readings", [body])])
    return found


def waiting(outbox: Outbox) -> list[int]:
    return [json.loads(parcel.payload)["sequence"] for parcel in outbox.after(0, 1000)]


def test_no_more_messages_are_published_than_the_link_has_room_for(outbox):
    put(outbox, range(5))
    broker = Broker(room=2)
    publisher(outbox, broker).publish(0.0, hurry=True)
    assert sequences(broker) == [[0], [1]]


def test_messages_in_flight_are_not_dropped(tmp_path):
    with Outbox(tmp_path / "small.sqlite3", Limits(max_bytes=4)) as outbox:
        outbox.put(TOPIC, [b"0", b"1"])
        sending = publisher(outbox, Broker(lambda _: None))
        sending.publish(0.0, hurry=True)
        outbox.put(TOPIC, [str(n).encode() for n in range(2, 8)], spare=sending.in_flight)
        assert [parcel.payload for parcel in outbox.after(0, 9)] == [b"0", b"1", b"6", b"7"]
        assert outbox.dropped == 4


def test_one_puback_deletes_all_readings_of_its_message(outbox):
    broker = Broker()
    sending = publisher(outbox, broker, readings=3)
    put(outbox, range(7))
    sending.publish(0.0, hurry=True)
    assert sequences(broker) == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(outbox) == 7
    sending.settle()
    assert (len(outbox), sending.sent, sending.acknowledged) == (0, 7, 7)
    assert not sending.in_flight


def test_a_batch_waits_until_it_is_full(outbox):
    broker = Broker()
    sending = publisher(outbox, broker, readings=3)
    for n in range(5):
        put(outbox, [n])
        sending.publish(1000.0 * n, hurry=False)
    assert sequences(broker) == [[0, 1, 2]]
    sending.publish(5000.0, hurry=True)
    assert sequences(broker) == [[0, 1, 2], [3, 4]]


def test_a_batch_is_sent_when_its_first_reading_has_waited_long_enough(outbox):
    broker = Broker()
    sending = publisher(outbox, broker, readings=100, wait=timedelta(seconds=10))
    for moment in (0, 4, 8, 10, 12, 21, 22):
        put(outbox, [moment])
        sending.publish(float(moment), hurry=False)
    assert sequences(broker) == [[0, 4, 8, 10], [12, 21, 22]]


def test_a_message_that_failed_is_published_again_with_all_its_readings(outbox):
    answers = [QUOTA_EXCEEDED, SUCCESS, SUCCESS]
    broker = Broker(lambda _: answers.pop(0))
    sending = publisher(outbox, broker, readings=3)
    put(outbox, range(6))
    sending.publish(0.0, hurry=False)
    sending.settle()
    assert waiting(outbox) == [0, 1, 2]
    sending.publish(float("inf"), hurry=False)
    sending.settle()
    assert sequences(broker) == [[0, 1, 2], [3, 4, 5], [0, 1, 2]]
    assert (len(outbox), sending.sent, sending.acknowledged) == (0, 6, 6)


def test_readings_beyond_the_links_room_are_sent_later_without_a_gap(outbox):
    """Each boot needs its own message, so the link has room for fewer than the window allows."""
    for n in range(5):
        put(outbox, [n], Boot.new("harbour"))
    broker = Broker(room=2)
    broker.answer = lambda _: setattr(broker, "room", broker.room - 1) or SUCCESS
    sending = publisher(outbox, broker, readings=10)
    for sent in (2, 4, 5):
        broker.room = 2
        sending.publish(0.0, hurry=True)
        sending.settle()
        assert sequences(broker) == [[n] for n in range(sent)]
    assert len(outbox) == 0


def test_failed_messages_keep_their_order_while_the_link_has_no_room(outbox):
    broker = Broker(lambda _: QUOTA_EXCEEDED)
    for n in range(3):
        put(outbox, [n], Boot.new("harbour"))
    sending = publisher(outbox, broker, readings=10)
    sending.publish(0.0, hurry=True)
    sending.settle()
    broker.published.clear()
    for room in (1, 2):
        broker.room = room
        broker.answer = lambda _: setattr(broker, "room", broker.room - 1) or SUCCESS
        sending.publish(float("inf"), hurry=True)
        sending.settle()
    assert sequences(broker) == [[0], [1], [2]]
    assert len(outbox) == 0


def test_the_window_counts_readings_not_messages(outbox):
    put(outbox, range(3 * WINDOW))
    broker = Broker(lambda _: None)
    sending = publisher(outbox, broker, readings=100)
    for moment in range(3):
        sending.publish(float(moment), hurry=True)
    assert len(sending.in_flight) == WINDOW
    assert len(broker.published) == WINDOW // 100
