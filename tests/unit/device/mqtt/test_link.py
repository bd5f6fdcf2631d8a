"""Links: selection by name, quotas, and the difference between a refusal and a network failure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from device.mqtt.kit import ConnectionKit
from device.mqtt.link import NOT_AUTHORIZED, SESSION_TAKEN_OVER, UNEXPLAINED_FAILURES, Session
from device.mqtt.paho import BYTES_PER_SECOND, PUBLISHES_PER_SECOND, Quota
from device.mqtt.transports import transport
from tests.support.message_schemas import status_schema

KIT = ConnectionKit(Path("kit"), "harbour", "local", "000000000000", "abc", "host", 8883, None)


@pytest.fixture
def session() -> Session:
    return Session(KIT, lambda: None)


def test_a_refused_session_is_not_retried(session):
    session._failed("NOT_AUTHORIZED", code=NOT_AUTHORIZED)
    assert "host:8883 refuses harbour" in session.refusal


def test_a_network_failure_is_not_a_refusal(session):
    for _ in range(10 * UNEXPLAINED_FAILURES):
        session._failed("no route", network=True)
    assert (session.refusal, session.trouble) == (None, "no route")


def test_repeated_hang_ups_before_the_first_session_are_a_refusal(session):
    for _ in range(UNEXPLAINED_FAILURES - 1):
        session._failed("closed")
    assert session.refusal is None
    session._failed("closed")
    assert f"hung up {UNEXPLAINED_FAILURES} times" in session.refusal


def test_a_tls_failure_with_an_unset_clock_is_not_a_refusal(session, monkeypatch):
    monkeypatch.setattr("device.mqtt.link.is_set", lambda _: False)
    session._failed("not yet valid", tls=True)
    assert (session.refusal, session.trouble) == (None, "the clock is not set (not yet valid)")


def test_a_tls_failure_after_a_session_is_not_a_refusal(session):
    session._began()
    session._ended("closed")
    for _ in range(10):
        session._failed("TLS alert", tls=True)
    assert session.refusal is None
    assert (session.connected, session.sessions) == (False, 1)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(NOT_AUTHORIZED, "NOT_AUTHORIZED"), (SESSION_TAKEN_OVER, "another client")],
)
def test_a_session_that_the_broker_ends_for_good_is_a_refusal(session, code, reason):
    session._began()
    session._ended("the broker ended the session", code)
    assert reason in session.refusal


@pytest.mark.parametrize("status", ["started", "online", "stopped", "lost"])
def test_a_status_fulfils_its_contract(session, status):
    session._facts = {"queue_depth": 3, "dropped": {"age": 1, "size": 0}, "transport": "paho"}
    document = json.loads(session._status(status))
    Draft202012Validator(status_schema(), format_checker=FormatChecker()).validate(document)
    assert ("queue_depth" in document) == (status != "lost")


def test_an_unknown_transport_is_rejected():
    with pytest.raises(ValueError, match="awsiot, paho; got 'pigeon'"):
        transport("pigeon", KIT, within_quota=True)


@pytest.mark.parametrize(
    ("size", "messages_per_second"),
    [(300, PUBLISHES_PER_SECOND), (10_000, BYTES_PER_SECOND / 10_000), (128 * 1024, 2.5)],
    ids=["readings", "small batches", "the longest batches"],
)
def test_the_quota_is_used_and_never_exceeded_in_any_second(size, messages_per_second):
    now, sent = 0.0, []
    quota = Quota(clock=lambda: now)
    for tick in range(500):
        now = tick / 100
        while quota.room:
            quota.take(size)
            sent.append(now)
    busiest = max(sum(start <= at < start + 1 for at in sent) for start in set(sent))
    assert busiest <= 100
    assert busiest * size <= 512 * 1024
    assert len(sent) >= messages_per_second * 4.9


def test_paho_works_without_the_sdk():
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
