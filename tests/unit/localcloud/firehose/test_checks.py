"""Requests to Firehose that AWS refuses, or that the local cloud does not act on, are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ministack.services import iam

from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.aws_shapes import service_model
from localcloud.services.firehose import checks
from localcloud.services.firehose.service import _described

MODEL = service_model("firehose")
ACCOUNT, REGION = "000000000000", "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/delivery"
BUCKET = "arn:aws:s3:::raw"
DESTINATION = {"RoleARN": ROLE, "BucketARN": BUCKET}


def test_every_operation_has_a_table_of_its_members() -> None:
    assert sorted(checks.classes().tables) == MODEL.operation_names


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"CompressionFormat": "Snappy"}, "got Snappy"),
        ({"Prefix": "!{timestamp:yyyy}/"}, "ErrorOutputPrefix cannot be null"),
        ({"Prefix": "!{firehose:error-output-type}/", "ErrorOutputPrefix": "e/"},
         "Prefix cannot contain"),
        ({"Prefix": "!{timestamp:yyyy}/", "ErrorOutputPrefix": "!{timestamp:yyyy}/"},
         "must contain !{firehose:error-output-type}"),
        ({"Prefix": "!{device:name}/", "ErrorOutputPrefix": "e/"}, "is not supported"),
        ({"Prefix": "!{partitionKeyFromQuery:a}/", "ErrorOutputPrefix": "e/"}, "is not supported"),
        ({"Prefix": "!{timestamp}/", "ErrorOutputPrefix": "e/"}, "expected !{namespace:value}"),
        ({"BufferingHints": {"SizeInMBs": 5}}, "needs both"),
        ({"BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 60},
          "DynamicPartitioningConfiguration": {"Enabled": True}}, "at least 64"),
        ({"CustomTimeZone": "Europe/Atlantis"}, "IANA"),
        ({"ProcessingConfiguration": {"Enabled": True, "Processors": [{"Type": "Decompression"}]}},
         "does not support the processor"),
        ({"BucketARN": "raw"}, "expected the ARN of a bucket"),
    ],
)  # fmt: skip
def test_a_destination_that_is_refused(config: dict[str, Any], reason: str) -> None:
    with pytest.raises(AwsError, match=reason.replace("{", r"\{")):
        checks.check_destination({**DESTINATION, **config}, is_new=True)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({}, "Exactly one destination"),
        ({"ExtendedS3DestinationConfiguration": DESTINATION,
          "S3DestinationConfiguration": DESTINATION}, "Exactly one destination"),
        ({"IcebergDestinationConfiguration": {}}, "does not support Iceberg"),
        ({"DeliveryStreamType": "KinesisStreamAsSource"}, r"\(only DirectPut\)"),
        ({"ExtendedS3DestinationConfiguration": {**DESTINATION, "S3BackupMode": "Enabled"}},
         r"S3BackupMode Enabled \(only Disabled\)"),
        ({"ExtendedS3DestinationConfiguration": DESTINATION,
          "Tags": [{"Key": "a"}, {"Key": "a"}]}, "with different keys"),
        ({"ExtendedS3DestinationConfiguration": {**DESTINATION, "RoleARN": f"{ROLE}-2"}},
         "unable to assume role"),
    ],
)  # fmt: skip
def test_a_stream_that_is_refused(request_: dict[str, Any], reason: str) -> None:
    request = {"DeliveryStreamName": "s", **request_}
    with pytest.raises(AwsError, match=reason) as refused:
        checks.check("CreateDeliveryStream", request, ACCOUNT, REGION)
    assert refused.value.code == "InvalidArgumentException"


def test_a_stream_whose_role_firehose_may_assume_is_accepted() -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "firehose.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": ACCOUNT}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam._roles.set_scoped(
        ACCOUNT, None, "delivery", {"Arn": ROLE, "AssumeRolePolicyDocument": document}
    )
    request = {"DeliveryStreamName": "s", "ExtendedS3DestinationConfiguration": DESTINATION}
    checks.check("CreateDeliveryStream", request, ACCOUNT, REGION)
    iam._roles.pop_scoped(ACCOUNT, None, "delivery")


def test_an_extended_destination_is_also_described_as_a_plain_one() -> None:
    extended = {**DESTINATION, "CompressionFormat": "GZIP", "S3BackupMode": "Disabled"}
    description = {"Destinations": [{"ExtendedS3DestinationDescription": extended}]}
    body = json.dumps({"DeliveryStreamDescription": description}).encode()
    stream = {"destinations": [{"config": DESTINATION}]}
    found = json.loads(_described((200, {}, body), stream)[2])["DeliveryStreamDescription"]
    (shown,) = found["Destinations"]
    assert shown["S3DestinationDescription"] == {**DESTINATION, "CompressionFormat": "GZIP"}
