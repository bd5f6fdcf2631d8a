"""The rule that reports executions that did not succeed."""

from __future__ import annotations

import json

import pytest

from contracts.names import ENVIRONMENTS
from tests.unit.infra.test_stacks import Estate


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def estate(synthesised, request):
    return Estate(synthesised, request.param)


def test_every_state_machine_of_the_estate_is_watched(estate):
    rule = estate.resources("aws_cloudwatch_event_rule")["stopped_executions_rule"]
    detail = json.loads(rule["event_pattern"])["detail"]
    machines = estate.resources("aws_sfn_state_machine").values()
    there = {estate.names.state_machine_arn(one["name"]) for one in machines}
    assert there <= set(detail["stateMachineArn"])
    assert detail["status"] == ["ABORTED", "FAILED", "TIMED_OUT"]


def test_the_topic_and_its_key_accept_the_message(estate):
    target = estate.resources("aws_cloudwatch_event_target")["stopped_executions_target"]
    assert target["arn"] == estate.names.alarm_topic_arn
    topic = json.loads(estate.resources("aws_sns_topic_policy")["alarms_policy"]["policy"])
    (allowed,) = [one for one in topic["Statement"] if one["Sid"] == "Events"]
    rule = estate.resources("aws_cloudwatch_event_rule")["stopped_executions_rule"]["name"]
    assert allowed["Condition"]["ArnLike"]["aws:SourceArn"].endswith(
        ":rule/lakecast-" + estate.names.environment + "-*"
    )
    assert rule.startswith(f"lakecast-{estate.names.environment}-")
    key = json.loads(estate.resources("aws_kms_key")["key"]["policy"])
    (used,) = [one for one in key["Statement"] if one["Sid"] == "EventsToAlarmTopic"]
    # EventBridge sends no source account or ARN, so conditions on them would fail
    assert list(used["Condition"]["StringEquals"]) == ["kms:EncryptionContext:aws:sns:topicArn"]
