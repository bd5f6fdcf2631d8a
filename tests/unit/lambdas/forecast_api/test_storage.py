"""Tests the handling of S3's and DynamoDB's refusals, with stubbed clients of botocore."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber
from forecast_api.history import S3History
from forecast_api.interactions import DynamoInteractionLog, Interaction
from forecast_api.requests import DevicesRequest, ForecastRequest
from rest_api.problems import Problem

from tests.support.api.in_memory import history

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def client(service):
    return boto3.client(
        service, region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


class StubbedHistory:
    def __init__(self):
        s3 = client("s3")
        self.s3 = Stubber(s3)
        self.s3.activate()
        self.source = S3History(s3, "curated")

    def refuses(self, code, status):
        self.s3.add_client_error("get_object", code, http_status_code=status)

    def lists(self, *keys):
        contents = [{"Key": key, "LastModified": NOW} for key in keys]
        self.s3.add_response("list_objects_v2", {"Contents": contents, "IsTruncated": False})


@pytest.fixture
def stored():
    return StubbedHistory()


def test_history_is_read_from_the_devices_object(stored):
    body = history("a:1").to_json().encode()
    stored.s3.add_response(
        "get_object",
        {"Body": StreamingBody(io.BytesIO(body), len(body))},
        {"Bucket": "curated", "Key": "recent/a:1.json"},
    )
    assert stored.source.recent(["a:1"]) == {"a:1": history("a:1")}


def test_a_missing_object_is_an_unknown_device(stored):
    stored.refuses("NoSuchKey", 404)
    assert stored.source.recent(["a"])["a"].kind.name == "unknown-device"


def test_a_refused_object_that_is_not_listed_is_an_unknown_device(stored):
    stored.refuses("AccessDenied", 403)
    stored.lists("recent/a.json.old")
    assert stored.source.recent(["a"])["a"].kind.name == "unknown-device"


def test_a_refused_object_that_is_listed_is_a_fault(stored):
    stored.refuses("AccessDenied", 403)
    stored.lists("recent/a.json")
    with pytest.raises(stored.s3.client.exceptions.ClientError):
        stored.source.recent(["a"])


@pytest.mark.parametrize("code", ["InternalError", "SlowDown"])
def test_history_that_cannot_be_read_now_is_503(stored, code):
    stored.refuses(code, 503)
    with pytest.raises(Problem) as refused:
        stored.source.recent(["a"])
    assert refused.value.status == 503


def test_only_objects_of_devices_are_listed(stored):
    stored.lists("recent/_SUCCESS", "recent/a b.json", "recent/a.json", "recent/b.json")
    page = stored.source.devices(DevicesRequest(limit=1))
    assert [device.device_id for device in page.devices] == ["a"]
    assert page.next_after == "a"


class StubbedLog:
    def __init__(self):
        dynamodb = client("dynamodb")
        self.dynamodb = Stubber(dynamodb)
        self.dynamodb.activate()
        self.lost = []
        self.log = DynamoInteractionLog(
            dynamodb, "table", timedelta(days=1), lambda count, reason: self.lost.append(count)
        )

    def answers(self, leaving=0):
        item = {"device_id": {"S": "a"}, "asked_at": {"S": "b"}}
        left = {"table": [{"PutRequest": {"Item": item}}] * leaving} if leaving else {}
        self.dynamodb.add_response(
            "batch_write_item", {"UnprocessedItems": left}, {"RequestItems": ANY}
        )

    def refuses(self):
        self.dynamodb.add_client_error("batch_write_item", "ThrottlingException")


@pytest.fixture
def recorded():
    return StubbedLog()


def interactions(count):
    return [
        Interaction(
            "request-1", position, ForecastRequest("a", "ozone", 24, ("0.5",)), NOW, 200, 12.0, "e"
        )
        for position in range(count)
    ]


def test_fifty_records_take_two_calls(recorded):
    recorded.answers()
    recorded.answers()
    assert recorded.log.write(interactions(50)) == 0
    recorded.dynamodb.assert_no_pending_responses()


def test_unprocessed_items_are_sent_again(recorded):
    recorded.answers(leaving=2)
    recorded.answers()
    assert recorded.log.write(interactions(3)) == 0
    recorded.dynamodb.assert_no_pending_responses()
    assert recorded.lost == []


def test_items_that_stay_unprocessed_are_counted_and_reported(recorded):
    for left in (3, 2, 2):
        recorded.answers(leaving=left)
    assert recorded.log.write(interactions(3)) == 2
    assert recorded.lost == [2]


def test_a_refusal_is_counted_and_reported_not_raised(recorded):
    recorded.refuses()
    assert recorded.log.write(interactions(3)) == 3
    assert recorded.lost == [3]
