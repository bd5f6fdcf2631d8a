"""The shadow's interval: taken over, refused with a reason, reported once, asked for anew."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from contracts.messages.device_shadow import shadow_topic
from device.agent.sampling import RefusedIntervalError, SamplingShadow, interval_of
from tests.support.device.memory_broker import NOT_AUTHORIZED, SUCCESS, Broker

OWN = timedelta(seconds=60)


class Shadowed:
    """A sampling shadow, its broker, and what it told."""

    def __init__(self, memory: Path, interval: timedelta | None = OWN, **broker: Any) -> None:
        self.broker = Broker(**broker)
        self.told: list[str] = []
        self.wake = Event()
        self.shadow = SamplingShadow(
            "harbour", interval, memory=memory, wake=self.wake, tell=self.told.append
        )
        self.tend()

    def tend(self) -> None:
        for _ in range(3):
            self.shadow.tend(self.broker)

    def deliver(self, stub: str, document: object) -> None:
        self.broker.deliver(shadow_topic("harbour", stub), document)
        self.tend()

    def changed(self, version: int, desired: object, **reported: object) -> None:
        """The service tells of the document as it now is."""
        state = {"desired": {"sampling_interval_seconds": desired}, "reported": reported}
        current = {"state": state, "version": version}
        self.deliver("update/documents", {"previous": None, "current": current})

    @property
    def seconds(self) -> float:
        assert self.shadow.interval
        return self.shadow.interval.total_seconds()

    @property
    def reports(self) -> list[dict[str, Any]]:
        update = shadow_topic("harbour", "update")
        sent = [body for topic, body in self.broker.elsewhere if topic == update]
        assert all(set(body) == {"state"} and set(body["state"]) == {"reported"} for body in sent)
        return [body["state"]["reported"] for body in sent]

    @property
    def questions(self) -> int:
        return [topic for topic, _ in self.broker.elsewhere].count(shadow_topic("harbour", "get"))


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "desired-interval.json"


@pytest.mark.parametrize("desired", [0.25, 1, 86_400, 12.5])
def test_a_number_of_seconds_is_an_interval(desired):
    assert interval_of(desired) == timedelta(seconds=desired)


@pytest.mark.parametrize(
    "desired",
    [0, 0.249, -5, 86_401, 10**400, float("nan"), float("inf"), True, "60", None, [60], {"s": 1}],
)
def test_anything_else_is_refused_with_what_was_expected(desired):
    with pytest.raises(RefusedIntervalError, match=r"expected seconds from 0\.25 to 86400"):
        interval_of(desired)


def test_each_session_asks_for_the_shadow_once(memory):
    device = Shadowed(memory)
    device.tend()
    assert device.questions == 1
    device.broker.connected = False
    device.tend()
    device.broker.connected, device.broker.sessions = True, 2
    device.tend()
    assert device.questions == 2


def test_a_desired_interval_holds_and_is_reported_once(memory):
    device = Shadowed(memory)
    device.changed(2, 5, sampling_interval_seconds=60.0)
    assert device.seconds == 5
    assert device.reports == [{"sampling_interval_seconds": 5.0, "refused": None}]
    device.changed(3, 5, sampling_interval_seconds=5)
    assert len(device.reports) == 1
    assert device.told == ["the sensor is read every 5 s"]


def test_what_was_desired_while_the_device_was_away_holds_once_it_is_back(memory):
    device = Shadowed(memory)
    state = {"desired": {"sampling_interval_seconds": 5}, "delta": {"sampling_interval_seconds": 5}}
    device.deliver("get/accepted", {"state": state, "version": 9})
    assert device.seconds == 5
    assert len(device.reports) == 1


def test_a_thing_without_a_shadow_is_given_one_that_says_what_holds(memory):
    device = Shadowed(memory)
    device.deliver("get/rejected", {"code": 404, "message": "No shadow exists"})
    assert device.seconds == 60
    assert device.reports == [{"sampling_interval_seconds": 60.0, "refused": None}]


def test_a_wish_that_is_taken_back_gives_the_devices_own_interval_back(memory):
    device = Shadowed(memory)
    device.changed(2, 5, sampling_interval_seconds=60)
    device.changed(4, None, sampling_interval_seconds=5)
    assert device.seconds == 60
    assert device.reports[-1]["sampling_interval_seconds"] == 60


def test_a_bad_wish_leaves_the_interval_and_is_reported_with_the_reason_until_it_is_mended(memory):
    device = Shadowed(memory)
    device.changed(2, 5, sampling_interval_seconds=60)
    device.changed(4, "soon", sampling_interval_seconds=5)
    reason = "expected seconds from 0.25 to 86400, a number; got 'soon'"
    assert device.seconds == 5
    assert device.reports[-1] == {"sampling_interval_seconds": 5.0, "refused": reason}
    device.changed(5, "soon", sampling_interval_seconds=5, refused=reason)
    assert len(device.reports) == 2
    device.changed(6, 5, sampling_interval_seconds=5, refused=reason)  # no delta tells of this
    assert device.reports[-1] == {"sampling_interval_seconds": 5.0, "refused": None}
    assert [reason in line for line in device.told] == [False, True, False]


def test_an_older_document_that_comes_late_changes_nothing(memory):
    device = Shadowed(memory)
    device.changed(7, 5, sampling_interval_seconds=5)
    device.changed(6, 600, sampling_interval_seconds=5)
    assert device.seconds == 5


def test_versions_may_begin_anew_with_a_session(memory):
    """A shadow that was deleted for days begins at 1 again."""
    device = Shadowed(memory)
    device.changed(7, 5, sampling_interval_seconds=5)
    device.broker.sessions = 2
    device.tend()
    state = {"desired": {"sampling_interval_seconds": 30}}
    device.deliver("get/accepted", {"state": state, "version": 1})
    assert device.seconds == 30


def test_a_sensor_that_sets_its_own_pace_refuses_any_interval(memory):
    device = Shadowed(memory, interval=None)
    device.changed(2, 5)
    assert device.shadow.interval is None
    [reported] = device.reports
    assert "the sensor sets the pace; got 5" in reported["refused"]
    device.changed(4, None, refused=reported["refused"])
    assert device.reports[-1] == {"sampling_interval_seconds": None, "refused": None}


@pytest.mark.parametrize("refusing", [{"granted": NOT_AUTHORIZED}, {"answer": lambda _: 0x87}])
def test_a_policy_that_forbids_the_shadow_is_told_and_the_interval_stays(memory, refusing):
    device = Shadowed(memory, **refusing)
    [line] = device.told
    assert "0x87" in line and "allows $aws/things/harbour/shadow/name/sampling/*" in line
    assert device.seconds == 60


def test_a_report_that_the_service_rejects_is_told(memory):
    device = Shadowed(memory)
    device.deliver("update/rejected", {"code": 429, "message": "Too many requests"})
    assert "update/rejected: 429 Too many requests" in device.told[0]


@pytest.mark.parametrize(
    "document", [b"{", [], {"current": {"state": {}}}, {"current": {"state": 5, "version": 1}}]
)
def test_what_is_no_shadows_document_is_told_and_passed_over(memory, document):
    device = Shadowed(memory)
    device.deliver("update/documents", document)
    assert "not a shadow's document" in device.told[0]
    device.changed(2, 5)
    assert device.seconds == 5


@pytest.mark.parametrize("lost", [{"granted": TimeoutError()}, {"answer": lambda _: OSError()}])
def test_a_subscription_or_question_that_is_lost_is_made_anew(memory, lost):
    device = Shadowed(memory, **lost)
    device.broker.granted, device.broker.answer = 1, lambda _: SUCCESS
    before = device.questions
    device.tend()
    assert device.questions == before + 1
    device.tend()
    assert (device.questions, device.told) == (before + 1, [])


def test_a_device_that_starts_without_a_connection_samples_as_was_desired_last(memory):
    device = Shadowed(memory)
    device.changed(2, 600, sampling_interval_seconds=60)
    device.changed(3, "soon", sampling_interval_seconds=600)
    again = Shadowed(memory, connected=False)
    assert again.seconds == 600
    assert again.told == []
    again.broker.connected = True
    again.tend()
    state = {"reported": {"sampling_interval_seconds": 600}}
    again.deliver("get/accepted", {"state": state, "version": 4})
    assert again.seconds == 60
    assert Shadowed(memory).seconds == 60


def test_a_memory_that_can_not_be_read_is_told_and_the_own_interval_holds(memory):
    memory.write_bytes(b"{")
    device = Shadowed(memory)
    assert device.seconds == 60
    assert str(memory) in device.told[0]


def test_a_memory_that_can_not_be_written_is_told_and_the_interval_holds(memory):
    device = Shadowed(memory / "absent")
    device.changed(2, 5, sampling_interval_seconds=60)
    assert device.seconds == 5
    assert "forgotten at the next start" in device.told[0]
