"""Tests of the payloads that a rule can read and of its substitution templates."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ministack.services import iot

from localcloud.services.cloudwatch.metrics import Meter
from localcloud.services.iot import rules as iot_rules
from localcloud.services.iot.rule_payloads import document, payload_problem
from localcloud.services.iot.rules import Rules, substituted

SQL = "SELECT *, topic(2) AS thing_name, timestamp() AS received_at FROM 'telemetry/+'"


class NoStreams:
    def put(self, account: str, region: str, name: str, records: list[bytes]) -> None:
        raise AssertionError("unexpected put of records")


@pytest.fixture
def message(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    rules = Rules(NoStreams(), "http://127.0.0.1:1", Meter())
    monkeypatch.setattr(iot, "_eval_select_function", rules._call_function)
    token = iot_rules._published.set(iot_rules._Published("telemetry/sensor-1", b"{}", "client-1"))
    yield
    iot_rules._published.reset(token)


@pytest.mark.parametrize(
    ("sql", "payload", "readable"),
    [
        (SQL, b'{"ozone": 1}', True),
        (SQL, b"{}", True),
        (SQL, b"", False),
        (SQL, b"text", False),
        (SQL, b'"text"', False),
        (SQL, b"[]", False),
        (SQL, b"null", False),
        (SQL, b"\xff\xfe", False),
        (SQL, b'\xef\xbb\xbf{"ozone": 1}', False),
        (SQL, '{"ozone": 1}'.encode("utf-16"), False),
        (SQL, '{"ozone": 1}'.encode("utf-16-le"), False),
        (SQL, b'{"ozone": 1e400}', False),
        (SQL, b'{"ozone": -1e400}', False),
        (SQL, b'{"ozone": NaN}', False),
        (SQL, b'{"ozone": [Infinity]}', False),
        (SQL, b'{"a":' * 60_000 + b"1" + b"}" * 60_000, False),
        (SQL, b'{"a":' * 300 + b"1" + b"}" * 300, False),
        (SQL, b'{"a":' * 60_000, False),
        (SQL, b'{"ozone": ' + b"9" * 400 + b"}", True),
        ("SELECT * FROM 't'", b"text", True),
        ("SELECT encode(*, 'base64') AS raw FROM 't'", b"\xff", True),
        ("SELECT ozone FROM 't'", b"text", False),
        ("SELECT topic() AS t FROM 't'", b"text", True),
    ],
)
def test_payload_is_readable_if_the_rule_can_select_from_it(
    sql: str, payload: bytes, readable: bool
) -> None:
    assert (payload_problem({"sql": sql}, payload) is None) is readable


@dataclass(frozen=True)
class Rule:
    """A rule of ministack, whose actions and error actions are collected."""

    events: list[Any]
    errors: list[dict[str, Any]]

    def publish(self, payload: bytes, sql: str = SQL) -> None:
        """Run the rule as the broker does."""
        rule = {
            "ruleName": "collecting",
            "sql": sql,
            "actions": [{"firehose": {"deliveryStreamName": "stream"}}],
            "errorAction": {"s3": {"bucketName": "errors"}},
        }
        asyncio.run(iot._run_rule_actions("1" * 12, "r", rule, payload, "telemetry/a", "a"))


@pytest.fixture
def rule(monkeypatch: pytest.MonkeyPatch) -> Rule:
    found = Rule([], [])

    async def act(_: Any, account: str, region: str, name: str, action: Any, event: Any) -> None:
        if "s3" in action:
            found.errors.append(json.loads(document(event), parse_constant=pytest.fail))
        else:
            found.events.append(document(event))

    for name in (
        *("_dispatch_rule_action", "_run_rule_actions", "_dispatch_rule_error_action"),
        *("_eval_select_function", "_rule_message"),
    ):
        monkeypatch.setattr(iot, name, getattr(iot, name))  # restored after `install`
    monkeypatch.setattr(Rules, "_act", act)
    Rules(NoStreams(), "http://127.0.0.1:1", Meter()).install()
    return found


payloads = st.one_of(
    st.binary(max_size=50),
    st.text(alphabet='{}[]",: -0123456789eE.NaInfty', max_size=30).map(str.encode),
    st.dictionaries(st.text(max_size=5), st.floats() | st.text(max_size=5)).map(
        lambda body: json.dumps(body).encode()
    ),
    st.integers(1, 70_000).map(lambda depth: b'{"a":' * depth + b"1" + b"}" * depth),
    st.sampled_from(["utf-16", "utf-16-le", "utf-8-sig", "utf-32"]).map('{"ozone": 1}'.encode),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(payloads)
def test_every_payload_goes_to_the_action_or_in_base64_to_the_error_action(
    rule: Rule, payload: bytes
) -> None:
    rule.events.clear()
    rule.errors.clear()
    rule.publish(payload)
    assert len(rule.events) + len(rule.errors) == 1
    if rule.errors:
        assert base64.b64decode(rule.errors[0]["base64OriginalPayload"]) == payload
        assert rule.errors[0]["failures"][0]["failedAction"] == "FirehoseAction"
    else:
        event = json.loads(rule.events[0], parse_constant=pytest.fail)
        assert json.loads(payload).items() <= {**event, **json.loads(payload)}.items()
        assert event["thing_name"] == "a"


@pytest.mark.parametrize(
    "payload",
    [b"\xff\xfe{", '{"a": 1}'.encode("utf-16"), b"\xef\xbb\xbf{}", b'{"a": 1e400}', b"text"],
)
def test_a_rule_that_forwards_everything_changes_nothing(rule: Rule, payload: bytes) -> None:
    rule.publish(payload, "SELECT * FROM 'telemetry/+'")
    assert (rule.events, rule.errors) == ([payload], [])


def test_a_message_for_which_the_sql_fails_goes_to_the_error_action(rule: Rule) -> None:
    sql = "SELECT parse_time('yyyy', ozone) AS year FROM 'telemetry/+'"
    rule.publish(b'{"ozone": 0}', sql)
    assert json.loads(rule.events[0]) == {"year": "1970"}
    for payload in (b'{"ozone": "high"}', b'{"ozone": 1e300}', b"{}"):
        rule.publish(payload, sql)
        assert base64.b64decode(rule.errors[-1]["base64OriginalPayload"]) == payload
        assert "Failed to evaluate the SQL" in rule.errors[-1]["failures"][0]["errorMessage"]


def test_a_disabled_rule_accepts_any_payload() -> None:
    assert payload_problem({"sql": SQL, "ruleDisabled": True}, b"text") is None


@pytest.mark.parametrize(
    ("template", "event", "pattern"),
    [
        ("plain/key", {}, "plain/key"),
        ("${topic()}", {}, "telemetry/sensor-1"),
        ("${topic(2)}/${clientid()}", {}, "sensor-1/client-1"),
        ("a/${newuuid()}.json", {}, r"a/[0-9a-f-]{36}\.json"),
        ("${timestamp()}", {}, r"\d{13}"),
        ("${device_id}/${level}", {"device_id": "d", "level": 3}, "d/3"),
        ('${parse_time("yyyy-MM-dd", 0, "UTC")}', {}, "1970-01-01"),
        ('${parse_time("yyyy/MM/dd/HH", at)}', {"at": 3_600_000}, "1970/01/01/01"),
        ("${parse_time('HH', 0, 'Asia/Tokyo')}", {}, "09"),
    ],
)
@pytest.mark.usefixtures("message")
def test_templates_are_filled_from_the_message(
    template: str, event: dict[str, Any], pattern: str
) -> None:
    assert re.fullmatch(pattern, substituted(template, event))


@pytest.mark.usefixtures("message")
def test_the_estates_error_key_contains_the_hour_and_an_id() -> None:
    template = 'errors/rule/${parse_time("yyyy/MM/dd/HH", timestamp(), "UTC")}/${newuuid()}.json'
    before = datetime.now(UTC)
    key = substituted(template, {})
    after = datetime.now(UTC)
    hours = {f"errors/rule/{moment:%Y/%m/%d/%H}" for moment in (before, after)}
    assert key.rpartition("/")[0] in hours


@pytest.mark.usefixtures("message")
def test_a_template_without_a_value_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\$\{absent\} has no value"):
        substituted("a/${absent}", {})
