"""The shadow's interval: adopted, refused with a reason, reported once, requested again."""

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
    """A sampling shadow with its broker and its log lines."""

    def __init__(self, memory: Path, interval: timedelta | None = OWN, **broker: Any) -> None:
        self.broker = Broker(**broker)
        self.lines: list[str] = []
        self.wake = Event()
        self.shadow = SamplingShadow(
            "harbour", interval, memory=memory, wake=self.wake, tell=self.lines.append
        )
        self.follow()

    def follow(self) -> None:
        for _ in range(3):
            self.shadow.follow(self.broker)

    def deliver(self, stub: str, document: object) -> None:
        self.broker.deliver(shadow_topic("harbour", stub), document)
        self.follow()

    def changed(self, version: int, desired: object, **reported: object) -> None:
        """Deliver the service's message about a changed document."""
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
def test_a_number_of_seconds_is_a_valid_interval(desired):
    assert interval_of(desired) == timedelta(seconds=desired)


@pytest.mark.parametrize(
    "desired",
    [0, 0.249, -5, 86_401, 10**400, float("nan"), float("inf"), True, "60", None, [60], {"s": 1}],
)
def test_an_invalid_interval_is_refused_with_the_expected_range(desired):
    with pytest.raises(RefusedIntervalError, match=r"expected seconds from 0\.25 to 86400"):
        interval_of(desired)


def test_each_session_requests_the_shadow_once(memory):
    device = Shadowed(memory)
    device.follow()
    assert device.questions == 1
    device.broker.connected = False
    device.follow()
    device.broker.connected, device.broker.sessions = True, 2
    device.follow()
    assert device.questions == 2


def test_a_desired_interval_is_adopted_and_reported_once(memory):
    device = Shadowed(memory)
    device.changed(2, 5, sampling_interval_seconds=60.0)
    assert device.seconds == 5
    assert device.reports == [{"sampling_interval_seconds": 5.0, "refused": None}]
    device.changed(3, 5, sampling_interval_seconds=5)
    assert len(device.reports) == 1
    assert device.lines == ["the sensor is read every 5 s"]


def test_an_interval_desired_while_the_device_was_offline_is_adopted_at_connection(memory):
    device = Shadowed(memory)
    state = {"desired": {"sampling_interval_seconds": 5}, "delta": {"sampling_interval_seconds": 5}}
    device.deliver("get/accepted", {"state": state, "version": 9})
    assert device.seconds == 5
    assert len(device.reports) == 1


def test_a_thing_without_a_shadow_gets_one_with_the_interval_in_effect(memory):
    device = Shadowed(memory)
    device.deliver("get/rejected", {"code": 404, "message": "No shadow exists"})
    assert device.seconds == 60
    assert device.reports == [{"sampling_interval_seconds": 60.0, "refused": None}]


def test_removing_the_desired_interval_restores_the_devices_own(memory):
    device = Shadowed(memory)
    device.changed(2, 5, sampling_interval_seconds=60)
    device.changed(4, None, sampling_interval_seconds=5)
    assert device.seconds == 60
    assert device.reports[-1]["sampling_interval_seconds"] == 60


def test_an_invalid_desired_interval_is_refused_with_a_reason_until_it_is_fixed(memory):
    device = Shadowed(memory)
    device.changed(2, 5, sampling_interval_seconds=60)
    device.changed(4, "soon", sampling_interval_seconds=5)
    reason = "expected seconds from 0.25 to 86400, a number; got 'soon'"
    assert device.seconds == 5
    assert device.reports[-1] == {"sampling_interval_seconds": 5.0, "refused": reason}
    device.changed(5, "soon", sampling_interval_seconds=5, refused=reason)
    assert len(device.reports) == 2
    device.changed(6, 5, sampling_interval_seconds=5, refused=reason)  # a delta would lack this
    assert device.reports[-1] == {"sampling_interval_seconds": 5.0, "refused": None}
    assert [reason in line for line in device.lines] == [False, True, False]


def test_a_late_older_document_is_ignored(memory):
    device = Shadowed(memory)
    device.changed(7, 5, sampling_interval_seconds=5)
    device.changed(6, 600, sampling_interval_seconds=5)
    assert device.seconds == 5


def test_versions_may_restart_with_a_session(memory):
    """The versions of a deleted shadow start at 1 again."""
    device = Shadowed(memory)
    device.changed(7, 5, sampling_interval_seconds=5)
    device.broker.sessions = 2
    device.follow()
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
def test_a_policy_that_denies_the_shadow_is_reported_and_the_interval_is_kept(memory, refusing):
    device = Shadowed(memory, **refusing)
    [line] = device.lines
    assert "0x87" in line and "allows $aws/things/harbour/shadow/name/sampling/*" in line
    assert device.seconds == 60


def test_a_rejected_report_is_logged(memory):
    device = Shadowed(memory)
    device.deliver("update/rejected", {"code": 429, "message": "Too many requests"})
    assert "update/rejected: 429 Too many requests" in device.lines[0]


@pytest.mark.parametrize(
    "document", [b"{", [], {"current": {"state": {}}}, {"current": {"state": 5, "version": 1}}]
)
def test_an_invalid_document_is_logged_and_ignored(memory, document):
    device = Shadowed(memory)
    device.deliver("update/documents", document)
    assert "not a shadow's document" in device.lines[0]
    device.changed(2, 5)
    assert device.seconds == 5


@pytest.mark.parametrize("lost", [{"granted": TimeoutError()}, {"answer": lambda _: OSError()}])
def test_a_lost_subscription_or_request_is_repeated(memory, lost):
    device = Shadowed(memory, **lost)
    device.broker.granted, device.broker.answer = 1, lambda _: SUCCESS
    before = device.questions
    device.follow()
    assert device.questions == before + 1
    device.follow()
    assert (device.questions, device.lines) == (before + 1, [])


def test_a_device_that_starts_offline_uses_the_last_desired_interval(memory):
    device = Shadowed(memory)
    device.changed(2, 600, sampling_interval_seconds=60)
    device.changed(3, "soon", sampling_interval_seconds=600)
    again = Shadowed(memory, connected=False)
    assert again.seconds == 600
    assert again.lines == []
    again.broker.connected = True
    again.follow()
    state = {"reported": {"sampling_interval_seconds": 600}}
    again.deliver("get/accepted", {"state": state, "version": 4})
    assert again.seconds == 60
    assert Shadowed(memory).seconds == 60


def test_an_unreadable_memory_is_logged_and_the_own_interval_is_used(memory):
    memory.write_bytes(b"{")
    device = Shadowed(memory)
    assert device.seconds == 60
    assert str(memory) in device.lines[0]


def test_an_unwritable_memory_is_logged_and_the_interval_is_used(memory):
    device = Shadowed(memory / "absent")
    device.changed(2, 5, sampling_interval_seconds=60)
    assert device.seconds == 5
    assert "lost at the next start" in device.lines[0]
