"""Tests of which MQTT messages change the local cloud's state, so that it is saved."""

from __future__ import annotations

import asyncio

import pytest
from ministack.services import iot

from localcloud.ministack import mqtt


@pytest.fixture
def notifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notifications of state changes; restores ministack's own function afterwards."""
    received: list[str] = []
    monkeypatch.setattr(iot, "broker_publish", iot.broker_publish)
    mqtt.notify_of_state_changes(lambda: received.append("changed"))
    return received


@pytest.mark.parametrize(
    ("topic", "options", "changes_state"),
    [
        ("telemetry/harbour", {}, False),
        ("status/harbour", {"retain": True}, True),
        ("$aws/things/harbour/shadow/name/sampling/update", {"qos": 1}, True),
        ("$aws/certificates/create/json", {"qos": 1, "client_id": "claim-1"}, True),
        ("$aws/rules/absent/telemetry/harbour", {"qos": 1}, False),
    ],
)
def test_state_changing_messages_are_notified(notifications, topic, options, changes_state):
    asyncio.run(iot.broker_publish("000000000000", "eu-west-1", topic, b"{}", **options))
    assert bool(notifications) == changes_state
