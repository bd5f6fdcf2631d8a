"""Which MQTT messages change what the local cloud keeps, and so have it saved."""

from __future__ import annotations

import asyncio

import pytest
from ministack.services import iot

from localcloud.ministack import mqtt


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was noted; ministack's own function is put back afterwards."""
    notes: list[str] = []
    monkeypatch.setattr(iot, "broker_publish", iot.broker_publish)
    mqtt.note_what_lasts(lambda: notes.append("changed"))
    return notes


@pytest.mark.parametrize(
    ("topic", "options", "lasts"),
    [
        ("telemetry/harbour", {}, False),
        ("status/harbour", {"retain": True}, True),
        ("$aws/things/harbour/shadow/name/sampling/update", {"qos": 1}, True),
        ("$aws/certificates/create/json", {"qos": 1, "client_id": "claim-1"}, True),
        ("$aws/rules/absent/telemetry/harbour", {"qos": 1}, False),
    ],
)
def test_what_changes_the_clouds_state_is_noted(noted, topic, options, lasts):
    asyncio.run(iot.broker_publish("000000000000", "eu-west-1", topic, b"{}", **options))
    assert bool(noted) == lasts
