"""Tests of the payloads that a rule can read and of its substitution templates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from ministack.services import iot

from localcloud.services.cloudwatch.metrics import Meter
from localcloud.services.iot import rules as iot_rules
from localcloud.services.iot.rule_payloads import payload_problem
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
