"""Links: chosen by name, within the quota, and knowing a refusal from a bad network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from contracts.messages.telemetry import status_schema
from device.mqtt.kit import ConnectionKit
from device.mqtt.link import NOT_AUTHORIZED, SESSION_TAKEN_OVER, UNEXPLAINED_FAILURES, Session
from device.mqtt.paho import BYTES_A_SECOND, PUBLISHES_A_SECOND, Quota
from device.mqtt.transports import transport

KIT = ConnectionKit(Path("kit"), "harbour", "local", "000000000000", "abc", "host", 8883, None)


@pytest.fixture
def session() -> Session:
    return Session(KIT, lambda: None)


def test_a_refused_session_ends_hope(session):
    session._failed("NOT_AUTHORIZED", code=NOT_AUTHORIZED)
    assert "host:8883 refuses harbour" in session.refusal


def test_a_network_that_does_not_reach_the_broker_is_no_refusal(session):
    for _ in range(10 * UNEXPLAINED_FAILURES):
        session._failed("no route", network=True)
    assert (session.refusal, session.trouble) == (None, "no route")


def test_a_broker_that_keeps_hanging_up_refuses(session):
    for _ in range(UNEXPLAINED_FAILURES - 1):
        session._failed("closed")
    assert session.refusal is None
    session._failed("closed")
    assert f"hung up {UNEXPLAINED_FAILURES} times" in session.refusal


def test_with_an_unset_clock_certificates_are_not_blamed(session, monkeypatch):
    monkeypatch.setattr("device.mqtt.link.is_set", lambda _: False)
    session._failed("not yet valid", tls=True)
    assert (session.refusal, session.trouble) == (None, "the clock is not set (not yet valid)")


def test_once_there_was_a_session_certificates_are_not_blamed(session):
    session._began()
    session._ended("closed")
    for _ in range(10):
        session._failed("TLS alert", tls=True)
    assert session.refusal is None
    assert (session.connected, session.sessions) == (False, 1)


@pytest.mark.parametrize(
    ("code", "told"),
    [(NOT_AUTHORIZED, "NOT_AUTHORIZED"), (SESSION_TAKEN_OVER, "another client")],
)
def test_a_session_that_the_broker_ends_for_good_is_not_begun_again(session, code, told):
    session._began()
    session._ended("the broker ended the session", code)
    assert told in session.refusal


@pytest.mark.parametrize("status", ["started", "online", "stopped", "lost"])
def test_a_status_fulfils_its_contract(session, status):
    session._facts = {"queue_depth": 3, "dropped": {"age": 1, "size": 0}, "transport": "paho"}
    document = json.loads(session._status(status))
    Draft202012Validator(status_schema(), format_checker=FormatChecker()).validate(document)
    assert ("queue_depth" in document) == (status != "lost")


def test_an_unknown_transport_is_refused():
    with pytest.raises(ValueError, match="awsiot, paho; got 'pigeon'"):
        transport("pigeon", KIT, within_quota=True)


@pytest.mark.parametrize(
    ("size", "messages_a_second"),
    [(300, PUBLISHES_A_SECOND), (10_000, BYTES_A_SECOND / 10_000), (128 * 1024, 2.5)],
    ids=["readings", "small batches", "the longest batches"],
)
def test_the_quota_is_used_and_never_passed_in_any_second(size, messages_a_second):
    now, sent = 0.0, []
    quota = Quota(clock=lambda: now)
    for tick in range(500):
        now = tick / 100
        while quota.room:
            quota.take(size)
            sent.append(now)
    busiest = max(sum(begin <= at < begin + 1 for at in sent) for begin in set(sent))
    assert busiest <= 100
    assert busiest * size <= 512 * 1024
    assert len(sent) >= messages_a_second * 4.9


def test_with_paho_the_sdk_need_not_be_installed():
    program = (
        "import sys; sys.modules['awscrt'] = sys.modules['awsiot'] = None\n"
        "from lakecast.__main__ import main\n"
        "import device.mqtt.paho\n"
        "sys.exit(main(['device', 'run', '--thing', 'absent', '--transport', 'paho']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "no connection kit" in done.stderr
    assert "Traceback" not in done.stderr
