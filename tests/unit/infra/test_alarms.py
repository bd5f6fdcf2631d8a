"""Alarms on AWS's own metrics, dead letters, and error actions of all environments."""

from __future__ import annotations

import json

import pytest

from contracts.names import ENVIRONMENTS, WORKLOADS
from tests.unit.infra.test_stacks import Estate


@pytest.fixture(params=ENVIRONMENTS)
def estate(request, synthesised):
    return Estate(synthesised, request.param)


def watched(estate: Estate, namespace: str, dimension: str) -> set[tuple[str, str]]:
    """Metrics and values of a dimension that alarms watch in a namespace."""
    return {
        (alarm["metric_name"], alarm["dimensions"].get(dimension))
        for alarm in estate.resources("aws_cloudwatch_metric_alarm").values()
        if alarm["namespace"] == namespace
    }


def test_every_state_machine_is_watched(estate):
    machines = [one["name"] for one in estate.resources("aws_sfn_state_machine").values()]

    assert watched(estate, "AWS/States", "StateMachineArn") == {
        (metric, estate.names.state_machine_arn(machine))
        for metric in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")
        for machine in machines
    }
    assert set(machines) == set(estate.names.machines)


def test_every_function_is_watched(estate):
    functions = [one["function_name"] for one in estate.resources("aws_lambda_function").values()]

    assert watched(estate, "AWS/Lambda", "FunctionName") == {
        (metric, function) for metric in ("Errors", "Throttles") for function in functions
    }
    assert set(functions) == set(estate.names.functions)


def test_every_api_and_its_endpoint_are_watched(estate):
    apis = {one["name"] for one in estate.resources("aws_api_gateway_rest_api").values()}

    assert watched(estate, "AWS/ApiGateway", "ApiName") == {("5XXError", one) for one in apis}
    assert watched(estate, "AWS/SageMaker", "EndpointName") == {
        (metric, estate.names.of(one).endpoint)
        for metric in ("Invocation5XXErrors", "ModelLatency")
        for one in WORKLOADS
    }
    latency = estate.resources("aws_cloudwatch_metric_alarm")[
        "service_alarms_forecast_endpoint_latency"
    ]
    assert latency["extended_statistic"] == "p99"
    assert "statistic" not in latency
    assert latency["threshold"] == estate.settings.alarms.max_latency_ms * 1000  # microseconds


def test_an_event_that_reaches_no_target_is_kept_and_reported(estate):
    queue = estate.names.arn("sqs", estate.names.event_queue)
    targets = estate.resources("aws_cloudwatch_event_target")
    assert len(targets) >= 2
    for address, target in targets.items():
        assert target["dead_letter_config"] == {"arn": queue}, address
        assert target["retry_policy"]["maximum_event_age_in_seconds"] == 7200, address
    (policy,) = (one["policy"] for one in estate.resources("aws_sqs_queue_policy").values())
    (statement,) = json.loads(policy)["Statement"]
    rules = [one["name"] for one in estate.resources("aws_cloudwatch_event_rule").values()]
    pattern = statement["Condition"]["ArnLike"]["aws:SourceArn"]
    assert statement["Resource"] == queue
    for rule in rules:
        assert estate.names.arn("events", f"rule/{rule}").startswith(pattern.removesuffix("*"))
    assert watched(estate, "AWS/SQS", "QueueName") == {
        ("ApproximateNumberOfMessagesVisible", estate.names.event_queue)
    }


def test_every_topic_rule_keeps_what_it_could_not_hand_over(estate):
    keys = {
        address: rule["error_action"]["s3"]["key"].partition("$")[0]
        for address, rule in estate.resources("aws_iot_topic_rule").items()
    }
    assert keys == {
        "ingestion_topic_rule": "errors/rule/",
        "confirmation_rule": "errors/confirmation/",  # which no ETL reads as readings
    }


def test_addresses_of_recipients_are_a_variable_that_no_plan_shows(estate):
    variable = estate.stacks["data"]["variable"]["alarm_emails"]
    assert variable["sensitive"] is True
    assert variable["default"] == {}
    (subscription,) = estate.resources("aws_sns_topic_subscription").values()
    assert subscription["for_each"] == "${toset(nonsensitive(keys(var.alarm_emails)))}"
    assert subscription["endpoint"] == "${var.alarm_emails[each.key]}"
    assert (subscription["protocol"], subscription["topic_arn"]) == (
        "email",
        "${aws_sns_topic.alarms.arn}",
    )


def test_the_owner_of_the_account_sets_its_logging(estate):
    account = estate.settings.account
    assert len(estate.resources("aws_api_gateway_account")) == account.owner
    levels = [
        one["default_log_level"] for one in estate.resources("aws_iot_logging_options").values()
    ]
    expected = [] if account.iot_log_level == "DISABLED" else [account.iot_log_level]
    assert levels == expected
    assert levels or estate.names.environment == "local"
