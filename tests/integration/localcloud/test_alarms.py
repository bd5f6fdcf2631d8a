"""Tests of metrics that services publish by themselves, and of alarms and their actions."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from xml.etree import ElementTree as ET

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from localcloud.cloud.launch import LocalCloud
from tests.support import telemetry_estate as estate
from tests.support.waiting import until

BUCKET = "metered-raw"
NAMESPACE = "Lakecast/Trial"


def total(aws: boto3.Session, namespace: str, name: str, **dimensions: str) -> float:
    """Returns the sum of a metric over the last hour."""
    now = datetime.now(UTC)
    points = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in points)


@pytest.fixture(scope="module")
def metered(aws: boto3.Session) -> str:
    """A stream and a rule that have processed two readings and one unreadable message."""
    estate.bucket(aws, BUCKET)
    estate.stream(aws, "metered", BUCKET)
    sql = "SELECT *, topic(2) AS thing_name FROM 'metered/+'"
    estate.rule(aws, "metered", "metered", BUCKET, sql=sql)
    for payload in (b'{"a":1}', b'{"a":2}', b"no JSON"):
        aws.client("iot-data").publish(topic="metered/d", qos=1, payload=payload)
    estate.await_lines(aws, BUCKET, "telemetry/", 2)
    delivered = partial(total, aws, "AWS/Firehose", DeliveryStreamName="metered")
    until(lambda: delivered(name="DeliveryToS3.Records") == 2, "the metric of the delivery")
    return "metered"


def test_firehose_publishes_awss_metrics(aws: boto3.Session, metered: str) -> None:
    def of(name: str) -> float:
        return total(aws, "AWS/Firehose", name, DeliveryStreamName=metered)

    size = len('{"a": 1, "thing_name": "d"}\n') * 2
    assert of("IncomingRecords") == 2
    assert of("IncomingBytes") == of("DeliveryToS3.Bytes") == size
    assert of("DeliveryToS3.Success") >= 1
    assert (
        of("DeliveryToS3.DataFreshness") >= 1
    )  # the records waited for their interval of one second


def test_the_rule_publishes_awss_metrics(aws: boto3.Session, metered: str) -> None:
    def of(name: str, **dimensions: str) -> float:
        return total(aws, "AWS/IoT", name, **dimensions)

    assert of("RulesExecuted") >= 3
    assert of("TopicMatch", RuleName=metered) == 3
    assert of("ParseError", RuleName=metered) == 1
    assert of("Success", RuleName=metered, ActionType="Firehose") == 2
    assert of("Failure", RuleName=metered, ActionType="Firehose") == 0
    assert of("ErrorActionSuccess", RuleName=metered, ActionType="S3") == 1


@pytest.fixture
def inbox(aws: boto3.Session) -> Callable[[], list[dict[str, Any]]]:
    """Reads the messages to a topic's subscriber; the topic has the queue's name."""
    topic = aws.client("sns").create_topic(Name="alarmed")["TopicArn"]
    sqs = aws.client("sqs")
    queue = sqs.create_queue(QueueName="alarmed")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn["Attributes"]["QueueArn"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    aws.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"]
    )

    def read() -> list[dict[str, Any]]:
        received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        bodies = (json.loads(one["Body"])["Message"] for one in received.get("Messages", []))
        return [json.loads(body) for body in bodies]

    return read


def alarm(aws: boto3.Session, name: str, **members: Any) -> None:
    topic = aws.client("sns").create_topic(Name="alarmed")["TopicArn"]
    aws.client("cloudwatch").put_metric_alarm(
        **{
            "AlarmName": name,
            "Namespace": NAMESPACE,
            "MetricName": "Refused",
            "Dimensions": [{"Name": "Lane", "Value": "left"}],
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 3.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [topic],
            **members,
        }
    )


def measure(aws: boto3.Session, value: float, lane: str) -> None:
    """Publishes a value in the last complete minute."""
    aws.client("cloudwatch").put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": "Refused",
                "Dimensions": [{"Name": "Lane", "Value": lane}],
                "Value": value,
                "Timestamp": datetime.now(UTC) - timedelta(seconds=60),
            }
        ],
    )


def state(aws: boto3.Session, name: str) -> str:
    (described,) = aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return described["StateValue"]


def test_an_alarm_uses_its_own_series_and_notifies_its_topic(
    aws: boto3.Session, inbox: Callable[[], list[dict[str, Any]]]
) -> None:
    alarm(aws, "refused-left")
    measure(aws, 100.0, "right")
    assert state(aws, "refused-left") == "OK"
    measure(aws, 4.0, "left")
    assert state(aws, "refused-left") == "ALARM"
    (message,) = until(inbox, "a message")
    assert (message["AlarmName"], message["NewStateValue"]) == ("refused-left", "ALARM")


def test_missing_data_raises_an_alarm(aws: boto3.Session) -> None:
    alarm(aws, "silent", MetricName="NeverSent", TreatMissingData="breaching", Threshold=0)
    until(lambda: state(aws, "silent") == "ALARM", "the alarm")


def test_an_alarm_on_a_percentile_has_no_other_statistic(aws: boto3.Session) -> None:
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName="percentile",
        Namespace="AWS/SageMaker",
        MetricName="ModelLatency",
        ExtendedStatistic="p99",
        ComparisonOperator="GreaterThanThreshold",
        Threshold=5,
        Period=60,
        EvaluationPeriods=1,
    )
    described = aws.client("cloudwatch").describe_alarms(AlarmNames=["percentile"])
    (found,) = described["MetricAlarms"]
    assert found["ExtendedStatistic"] == "p99"
    assert "Statistic" not in found


def test_the_xml_response_contains_the_members_that_terraform_reads(
    aws: boto3.Session, cloud: LocalCloud
) -> None:
    alarm(aws, "whole", AlarmDescription="a < b & c")
    body = urllib.parse.urlencode(
        {"Action": "DescribeAlarms", "Version": "2010-08-01", "AlarmNames.member.1": "whole"}
    )
    request = AWSRequest(
        "POST",
        cloud.endpoint_url,
        data=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    credentials = aws.get_credentials()
    SigV4Auth(credentials, "monitoring", aws.region_name).add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    assert answer.status_code == 200, answer.text
    space = "{http://monitoring.amazonaws.com/doc/2010-08-01/}"
    (alarms,) = ET.fromstring(answer.text).iter(f"{space}MetricAlarms")
    (member,) = alarms

    def text(name: str) -> str | None:
        return member.findtext("/".join(f"{space}{part}" for part in name.split("/")))

    assert text("AlarmDescription") == "a < b & c"
    assert text("Period") == "60"
    assert text("ActionsEnabled") == "true"
    assert text("TreatMissingData") == "notBreaching"
    assert text("Dimensions/member/Name") == "Lane"
    assert text("AlarmActions/member") == f"arn:aws:sns:{aws.region_name}:000000000000:alarmed"
    assert datetime.fromisoformat(text("StateUpdatedTimestamp") or "").tzinfo is not None


def test_a_change_of_state_emits_an_event(aws: boto3.Session) -> None:
    events, sqs = aws.client("events"), aws.client("sqs")
    queue = sqs.create_queue(QueueName="alarm-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    pattern = {
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "detail": {"alarmName": ["announced"], "state": {"value": ["ALARM"]}},
    }
    events.put_rule(Name="alarm-events", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="alarm-events", Targets=[{"Id": "q", "Arn": arn["QueueArn"]}])
    alarm(aws, "announced", Dimensions=[{"Name": "Lane", "Value": "middle"}])
    measure(aws, 4.0, "middle")
    (message,) = until(lambda: sqs.receive_message(QueueUrl=queue).get("Messages", []), "a message")
    event = json.loads(message["Body"])
    assert event["source"] == "aws.cloudwatch"
    (described,) = aws.client("cloudwatch").describe_alarms(AlarmNames=["announced"])[
        "MetricAlarms"
    ]
    assert event["resources"] == [described["AlarmArn"]]
    assert event["detail"]["state"]["reason"] == described["StateReason"]
