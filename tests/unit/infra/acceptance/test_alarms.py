"""Alarms of the estate watch metrics that are published, for resources that the estate has."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest
from evaluation_container.drift.monitor import OVERALL, Finding, put_metrics

from contracts.lake.runs import METRICS, NAMESPACE, RUNS_METRIC
from contracts.models import drift_metrics
from contracts.models.releases import CHAMPION
from contracts.names import ENVIRONMENTS, GLUE_JOBS, WORKLOADS
from glue_jobs.runs.metrics import metric_data
from glue_jobs.runs.run_record import RunRecord, columns_of
from tests.support.cloudwatch.alarms import faults, metric_of, published_by_aws
from tests.unit.infra.test_stacks import Estate

COUNTS = {"read": 9, "kept": 7, "duplicates": 1, "late": 1, "quarantined": {"not_json": 1}}


class Recorder:
    """Stands in for CloudWatch and keeps what is published."""

    def __init__(self):
        self.data = []

    def put_metric_data(self, Namespace, MetricData):
        assert Namespace == NAMESPACE
        self.data += MetricData


def published_by(environment):
    """Returns the metrics that the jobs publish, with the values of all dimensions."""
    recorder = Recorder()
    checks = [(check, subject) for check in drift_metrics.METRICS for subject in (OVERALL, "ozone")]
    put_metrics(recorder, environment, [Finding(*one, 1.0, 1.0) for one in checks])
    for job in GLUE_JOBS:
        run = RunRecord(job, "r", datetime.now(UTC), 1.0, "succeeded", **columns_of(COUNTS))
        recorder.data += metric_data(run, environment)
    return {
        (NAMESPACE, one["MetricName"], *sorted(map(tuple, map(dict.values, one["Dimensions"]))))
        for one in recorder.data
    }


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def estate(request, synthesised):
    return Estate(synthesised, request.param)


@pytest.fixture
def alarms(estate):
    found = estate.resources("aws_cloudwatch_metric_alarm")
    assert len(found) >= 8
    return found


def test_every_alarm_watches_a_metric_that_is_published(alarms, estate):
    assert unpublished(alarms, estate) == []


def unpublished(alarms, estate):
    own = published_by(estate.names.environment)
    return [
        name
        for name, one in alarms.items()
        if (one["namespace"], one["metric_name"], *sorted(one["dimensions"].items())) not in own
        and metric_of(one) not in published_by_aws()
    ]


def test_every_alarm_watches_a_resource_of_the_estate(alarms, estate):
    assert strangers(alarms, estate) == []


def strangers(alarms, estate):
    streams = estate.resources("aws_kinesis_firehose_delivery_stream").values()
    rules = estate.resources("aws_iot_topic_rule").values()
    there = {("DeliveryStreamName", one["name"]) for one in streams}
    there |= {("environment", estate.names.environment)}
    there |= {("job", job) for job in GLUE_JOBS}
    there |= {("RuleName", one["name"]) for one in rules}
    names = estate.names
    for kind, attribute, dimension in (
        ("aws_api_gateway_rest_api", "name", "ApiName"),
        ("aws_api_gateway_stage", "stage_name", "Stage"),
        ("aws_lambda_function", "function_name", "FunctionName"),
        ("aws_sqs_queue", "name", "QueueName"),
    ):
        there |= {(dimension, one[attribute]) for one in estate.resources(kind).values()}
    there |= {
        ("StateMachineArn", names.state_machine_arn(one["name"]))
        for one in estate.resources("aws_sfn_state_machine").values()
    }
    there |= {("EndpointName", names.of(one).endpoint) for one in WORKLOADS}  # of releases
    there |= {("VariantName", CHAMPION)}
    there |= {
        ("ActionType", ACTIONS[kind])
        for one in rules
        for kind in (*one, *one.get("error_action", {}))
        if kind in ACTIONS
    }
    return [
        (name, dimension)
        for name, one in alarms.items()
        for dimension in one["dimensions"].items()
        if dimension not in there
    ]


ACTIONS = {"firehose": "Firehose", "lambda": "Lambda", "s3": "S3"}
"""Values of the dimension ActionType, by the name of the action in Terraform."""


def test_every_alarm_is_accepted(alarms):
    assert {name: list(faults(one)) for name, one in alarms.items()} == {
        name: [] for name in alarms
    }


OWN = {"metric_name": RUNS_METRIC, "dimensions": {"environment": "dev", "job": GLUE_JOBS[0]}}


@pytest.mark.parametrize(
    ("changes", "found_by"),
    [
        ({"namespace": NAMESPACE.lower(), **OWN}, unpublished),
        ({"namespace": NAMESPACE, **OWN, "metric_name": "RunsSuceeded"}, unpublished),
        ({"metric_name": "DeliveryToS3.Freshness"}, unpublished),
        ({"namespace": "AWS/KinesisFirehose"}, unpublished),
        ({"dimensions": {"StreamName": "a"}}, unpublished),
        ({"dimensions": {}}, unpublished),
        ({"dimensions": {"DeliveryStreamName": "another"}}, strangers),
        ({"namespace": NAMESPACE, "metric_name": METRICS["read"]}, unpublished),
    ],
)
def test_an_alarm_on_another_metric_is_found(changes, found_by, alarms, estate):
    changed = copy.deepcopy(alarms)
    changed["ingestion_alarms_data_age"] |= changes
    assert "ingestion_alarms_data_age" in str(found_by(changed, estate))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"period": 300, "evaluation_periods": 289}, "evaluates 86700 s; expected at most 86400 s"),
        ({"period": 86_400, "evaluation_periods": 8}, "expected at most 604800 s"),
        ({"datapoints_to_alarm": 6, "evaluation_periods": 5}, "expected at most 5"),
        ({"extended_statistic": "p99"}, "expected either"),
        ({"statistic": None}, "expected either"),
    ],
)
def test_an_alarm_that_aws_refuses_is_found(changes, fault):
    alarm = {"period": 300, "evaluation_periods": 1, "statistic": "Sum"}
    assert list(faults(alarm)) == []
    changed = {name: one for name, one in (alarm | changes).items() if one is not None}
    assert any(fault in one for one in faults(changed))


def test_every_metric_of_aws_has_its_documentation():
    assert all(
        one.startswith("https://docs.aws.amazon.com/") for one in published_by_aws().values()
    )
