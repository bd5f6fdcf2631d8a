"""Tests of Firehose: buffering by size and time, and retries of failed deliveries."""

from __future__ import annotations

import gzip
import json
import re
import time
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support import telemetry_estate as estate

BUCKET = "firehose-raw"
LOG_GROUP = "/aws/kinesisfirehose/powerless"
NEVER = {"SizeInMBs": 128, "IntervalInSeconds": 900}
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture(scope="module", autouse=True)
def bucket(aws: boto3.Session) -> str:
    return estate.bucket(aws, BUCKET)


def put(aws: boto3.Session, stream: str, records: list[bytes]) -> dict[str, object]:
    return aws.client("firehose").put_record_batch(
        DeliveryStreamName=stream, Records=[{"Data": one} for one in records]
    )


def await_log_events(aws: boto3.Session) -> list[dict[str, object]]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = aws.client("logs").get_log_events(logGroupName=LOG_GROUP, logStreamName="delivery")
        if found["events"]:
            return found["events"]
        time.sleep(0.1)
    raise AssertionError(f"expected an error in {LOG_GROUP}; got no events")


def test_records_of_an_interval_share_one_object_with_awss_name(aws: boto3.Session) -> None:
    estate.stream(aws, "by-time", BUCKET, Prefix="t/!{timestamp:yyyy/MM/dd/HH}/")
    began = datetime.now(UTC)
    answer = put(aws, "by-time", [b"one\n", b"two\n"])
    aws.client("firehose").put_record(DeliveryStreamName="by-time", Record={"Data": b"three\n"})
    assert answer["FailedPutCount"] == 0
    assert all(one["RecordId"] for one in answer["RequestResponses"])
    assert estate.await_lines(aws, BUCKET, "t/", 3) == ["one", "two", "three"]
    (key,) = estate.objects(aws, BUCKET, "t/")
    match = re.fullmatch(
        rf"t/(\d{{4}}/\d\d/\d\d/\d\d)/by-time-1-(\d{{4}}(-\d\d){{5}})-{UUID}\.gz", key
    )
    assert match, key
    stamped = datetime.strptime(match[2], "%Y-%m-%d-%H-%M-%S").replace(tzinfo=UTC)
    assert 0 <= (stamped - began.replace(microsecond=0)).total_seconds() <= 30
    assert match[1] == stamped.strftime("%Y/%m/%d/%H")


def test_a_full_buffer_does_not_wait_for_its_interval(aws: boto3.Session) -> None:
    hints = {"SizeInMBs": 1, "IntervalInSeconds": 900}
    estate.stream(aws, "by-size", BUCKET, Prefix="size/", BufferingHints=hints)
    record = b"x" * 1023 + b"\n"
    put(aws, "by-size", [record] * 500)
    put(aws, "by-size", [record] * 500)
    put(aws, "by-size", [record] * 100)
    lines = estate.await_lines(aws, BUCKET, "size/", 1100)
    assert len(lines) == 1100
    assert len(estate.objects(aws, BUCKET, "size/")) == 1


def test_the_hour_is_added_to_a_prefix_without_expressions(aws: boto3.Session) -> None:
    estate.stream(
        aws,
        "plain",
        BUCKET,
        Prefix="plain-",
        CompressionFormat="UNCOMPRESSED",
        ProcessingConfiguration={
            "Enabled": True,
            "Processors": [
                {
                    "Type": "AppendDelimiterToRecord",
                    "Parameters": [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}],
                }
            ],
        },
    )
    put(aws, "plain", [b"one", b"two"])
    assert estate.await_lines(aws, BUCKET, "plain-", 2) == ["one", "two"]
    ((key, body),) = estate.objects(aws, BUCKET, "plain-").items()
    assert re.fullmatch(rf"plain-\d{{4}}/\d\d/\d\d/\d\d/plain-1-\d{{4}}(-\d\d){{5}}-{UUID}", key)
    assert body == b"one\ntwo\n"


def test_records_are_concatenated_unchanged(aws: boto3.Session) -> None:
    estate.stream(aws, "bare", BUCKET, Prefix="bare/")
    put(aws, "bare", [b'{"a":1}', b'{"a":2}'])
    assert estate.await_lines(aws, BUCKET, "bare/", 1) == ['{"a":1}{"a":2}']


def test_a_missing_bucket_only_delays_delivery(aws: boto3.Session) -> None:
    estate.stream(aws, "waiting", "firehose-late", Prefix="w/")
    put(aws, "waiting", [b"early\n"])
    time.sleep(1.5)  # long enough for a first attempt, which must fail
    estate.bucket(aws, "firehose-late")
    assert estate.await_lines(aws, "firehose-late", "w/", 1) == ["early"]


def test_a_role_without_permission_delays_delivery_and_is_logged(aws: boto3.Session) -> None:
    iam = aws.client("iam")
    logs = aws.client("logs")
    logs.create_log_group(logGroupName=LOG_GROUP)
    logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName="delivery")
    options = {"Enabled": True, "LogGroupName": LOG_GROUP, "LogStreamName": "delivery"}
    estate.stream(aws, "powerless", BUCKET, Prefix="p/", CloudWatchLoggingOptions=options)
    allowed = iam.get_role_policy(RoleName="powerless-firehose", PolicyName="allowed")
    only_logs = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}],
    }
    iam.put_role_policy(
        RoleName="powerless-firehose", PolicyName="allowed", PolicyDocument=json.dumps(only_logs)
    )
    put(aws, "powerless", [b"held\n"])
    (event, *_) = await_log_events(aws)
    assert json.loads(event["message"])["errorCode"] == "S3.AccessDenied"
    assert estate.objects(aws, BUCKET, "p/") == {}
    iam.put_role_policy(
        RoleName="powerless-firehose",
        PolicyName="allowed",
        PolicyDocument=json.dumps(allowed["PolicyDocument"]),
    )
    assert estate.await_lines(aws, BUCKET, "p/", 1) == ["held"]


def test_a_deleted_stream_still_delivers_accepted_records(aws: boto3.Session) -> None:
    estate.stream(aws, "going", BUCKET, Prefix="g/", BufferingHints=NEVER)
    put(aws, "going", [b"last\n"])
    aws.client("firehose").delete_delivery_stream(DeliveryStreamName="going")
    assert estate.await_lines(aws, BUCKET, "g/", 1) == ["last"]


def test_a_changed_destination_receives_later_records(aws: boto3.Session) -> None:
    firehose = aws.client("firehose")
    estate.stream(aws, "moving", BUCKET, Prefix="before/", BufferingHints=NEVER)
    put(aws, "moving", [b"first\n"])
    described = firehose.describe_delivery_stream(DeliveryStreamName="moving")
    description = described["DeliveryStreamDescription"]
    firehose.update_destination(
        DeliveryStreamName="moving",
        CurrentDeliveryStreamVersionId=description["VersionId"],
        DestinationId=description["Destinations"][0]["DestinationId"],
        ExtendedS3DestinationUpdate={
            "Prefix": "after/",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
        },
    )
    put(aws, "moving", [b"second\n"])
    assert estate.await_lines(aws, BUCKET, "before/", 1) == ["first"]
    assert estate.await_lines(aws, BUCKET, "after/", 1) == ["second"]
    (key,) = estate.objects(aws, BUCKET, "after/")
    assert "/moving-2-" in key


def test_describe_contains_the_members_that_terraform_reads(aws: boto3.Session) -> None:
    estate.stream(aws, "described", BUCKET)
    described = aws.client("firehose").describe_delivery_stream(DeliveryStreamName="described")
    (destination,) = described["DeliveryStreamDescription"]["Destinations"]
    assert destination["ExtendedS3DestinationDescription"]["CustomTimeZone"] == "UTC"


@pytest.fixture(scope="module")
def stream_with_quotas(aws: boto3.Session, bucket: str) -> str:
    return estate.stream(aws, "quotas", bucket)


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([b"x"] * 501, "ValidationException"),
        ([b"x" * (1000 * 1024 + 1)], "ValidationException"),
        ([b"x" * 1000 * 1024] * 5, "InvalidArgumentException"),
    ],
    ids=["more than 500 records", "a record over 1000 KiB", "more than 4 MiB"],
)
def test_puts_above_awss_quotas_are_refused(
    aws: boto3.Session, stream_with_quotas: str, records: list[bytes], code: str
) -> None:
    with pytest.raises(ClientError) as refusal:
        put(aws, stream_with_quotas, records)
    assert refusal.value.response["Error"]["Code"] == code


def test_a_put_to_an_unknown_stream_is_refused(aws: boto3.Session) -> None:
    with pytest.raises(ClientError) as refusal:
        put(aws, "nowhere", [b"x"])
    assert refusal.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_expressions_need_an_error_prefix(aws: boto3.Session) -> None:
    with pytest.raises(ClientError, match="ErrorOutputPrefix"):
        estate.stream(aws, "no-error-prefix", BUCKET, ErrorOutputPrefix="")


def test_objects_are_complete_gzip_files(aws: boto3.Session) -> None:
    estate.stream(aws, "zipped", BUCKET, Prefix="z/")
    put(aws, "zipped", [b"line\n"])
    estate.await_lines(aws, BUCKET, "z/", 1)
    s3 = aws.client("s3")
    (entry,) = s3.list_objects_v2(Bucket=BUCKET, Prefix="z/")["Contents"]
    body = s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
    assert gzip.decompress(body) == b"line\n"
