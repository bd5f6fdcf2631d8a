"""Tests of Firehose's injected faults and of an IoT rule's retries."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.cloud.launch import LocalCloud
from localcloud.services.firehose import faults
from localcloud.services.firehose.faults import Faults
from tests.support import telemetry_estate as estate

BUCKET = "faulty-raw"
MESSAGES = 40

Order = Callable[[Faults], None]


@pytest.fixture
def order(cloud: LocalCloud) -> Iterator[Order]:
    """Requests faults and waits until the cloud has read the request."""

    def give(requested: Faults) -> None:
        requested.order(cloud.home)
        time.sleep(2 * faults.CHECK_SECONDS)

    yield give
    (cloud.home / faults.FILE).unlink()
    time.sleep(2 * faults.CHECK_SECONDS)


@pytest.fixture(scope="module", autouse=True)
def streams(aws: boto3.Session) -> None:
    estate.bucket(aws, BUCKET)
    for name in ("refusing", "doubling", "joining", "ruled"):
        estate.stream(aws, name, BUCKET, Prefix=f"{name}/")


def test_records_are_refused_individually_as_on_aws(aws: boto3.Session, order: Order) -> None:
    order(Faults(refuse=0.5))
    firehose = aws.client("firehose", config=Config(retries={"total_max_attempts": 1}))
    records = [f"{number}\n" for number in range(200)]
    answer = firehose.put_record_batch(
        DeliveryStreamName="refusing", Records=[{"Data": one.encode()} for one in records]
    )
    responses = answer["RequestResponses"]
    refused = [one for one in responses if one.get("ErrorCode") == "ServiceUnavailableException"]
    assert 0 < len(refused) == answer["FailedPutCount"] < len(records)
    accepted = [
        record
        for record, response in zip(records, responses, strict=True)
        if "ErrorCode" not in response
    ]
    landed = estate.await_lines(aws, BUCKET, "refusing/", len(accepted))
    assert [f"{line}\n" for line in landed] == accepted


def test_a_single_record_is_refused_with_an_error(aws: boto3.Session, order: Order) -> None:
    order(Faults(refuse=1.0))
    firehose = aws.client("firehose", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError) as refusal:
        firehose.put_record(DeliveryStreamName="refusing", Record={"Data": b"x\n"})
    assert refusal.value.response["Error"]["Code"] == "ServiceUnavailableException"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_an_object_is_delivered_twice_under_two_names(aws: boto3.Session, order: Order) -> None:
    order(Faults(deliver_twice=1.0))
    aws.client("firehose").put_record(DeliveryStreamName="doubling", Record={"Data": b"one\n"})
    assert estate.await_lines(aws, BUCKET, "doubling/", 2) == ["one", "one"]
    assert len(estate.objects(aws, BUCKET, "doubling/")) == 2


def test_records_are_joined_without_a_newline(aws: boto3.Session, order: Order) -> None:
    order(Faults(join_records=1.0))
    aws.client("firehose").put_record_batch(
        DeliveryStreamName="joining", Records=[{"Data": b'{"a":1}\n'}, {"Data": b'{"a":2}\n'}]
    )
    assert estate.await_lines(aws, BUCKET, "joining/", 1) == ['{"a":1}{"a":2}']


def test_the_rule_retries_and_sends_failed_messages_to_its_error_action(
    aws: boto3.Session, order: Order
) -> None:
    sql = "SELECT *, topic(2) AS thing_name FROM 'faulty/+'"
    estate.rule(aws, "faulty", "ruled", BUCKET, sql=sql)
    order(Faults(refuse=0.7))
    data = aws.client("iot-data")
    for number in range(MESSAGES):
        data.publish(topic="faulty/d", qos=1, payload=json.dumps({"number": number}).encode())
    aws.client("iot").delete_topic_rule(ruleName="faulty")
    errors = [json.loads(body) for body in estate.objects(aws, BUCKET, "errors/rule/").values()]
    failed = [json.loads(base64.b64decode(one["base64OriginalPayload"])) for one in errors]
    assert 0 < len(failed) < 0.7 * MESSAGES, "0.7³ of the messages are refused three times"
    assert all(
        "ServiceUnavailableException after 3 attempts" in one["failures"][0]["errorMessage"]
        for one in errors
    )
    landed = estate.await_lines(aws, BUCKET, "ruled/", MESSAGES - len(failed))
    numbers = [json.loads(line)["number"] for line in landed] + [one["number"] for one in failed]
    assert sorted(numbers) == list(range(MESSAGES))
