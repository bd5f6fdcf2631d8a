"""A minimal estate that delivers readings from MQTT to S3, created with boto3."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

REGION = "eu-west-1"
ACCOUNT = "000000000000"
PATIENCE = 60.0
SQL = "SELECT *, topic(2) AS thing_name, timestamp() AS received_at FROM 'telemetry/+'"
ERROR_KEY = 'errors/rule/${parse_time("yyyy/MM/dd/HH", timestamp(), "UTC")}/${newuuid()}.json'
THING_NAME = "${iot:Connection.Thing.ThingName}"
DEVICE_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "iot:Connect",
            "Resource": f"arn:aws:iot:{REGION}:{ACCOUNT}:client/{THING_NAME}",
            "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "true"}},
        },
        {
            "Effect": "Allow",
            "Action": "iot:Publish",
            "Resource": f"arn:aws:iot:{REGION}:{ACCOUNT}:topic/telemetry/{THING_NAME}",
        },
    ],
}


@dataclass(frozen=True)
class Device:
    """A thing's name and its connection files."""

    name: str
    certificate: Path
    key: Path


def service_role(
    aws: boto3.Session,
    name: str,
    service: str,
    allowed: dict[str, Any],
    trusted_if: dict[str, str] | None = None,
) -> str:
    """Creates a role that one service may assume, with one inline policy."""
    iam = aws.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": trusted_if or {"aws:SourceAccount": ACCOUNT}},
            }
        ],
    }
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **allowed}]}
    iam.put_role_policy(RoleName=name, PolicyName="allowed", PolicyDocument=json.dumps(document))
    return role["Arn"]


def bucket(aws: boto3.Session, name: str) -> str:
    aws.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return name


def stream(aws: boto3.Session, name: str, bucket_name: str, **destination: Any) -> str:
    """Creates a delivery stream and its role, which may write to its bucket."""
    role = service_role(
        aws,
        f"{name}-firehose",
        "firehose.amazonaws.com",
        {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket_name}/*"},
        trusted_if={"sts:ExternalId": ACCOUNT},
    )
    settings = {
        "RoleARN": role,
        "BucketARN": f"arn:aws:s3:::{bucket_name}",
        "Prefix": "telemetry/!{timestamp:yyyy/MM/dd/HH}/",
        "ErrorOutputPrefix": (
            "errors/delivery/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/"
        ),
        "CompressionFormat": "GZIP",
        "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1},
        **destination,
    }
    aws.client("firehose").create_delivery_stream(
        DeliveryStreamName=name,
        DeliveryStreamType="DirectPut",
        ExtendedS3DestinationConfiguration=settings,
    )
    return name


def rule(aws: boto3.Session, name: str, stream_name: str, bucket_name: str, sql: str = SQL) -> None:
    """Creates a topic rule from MQTT to a stream; unreadable messages go to a bucket."""
    role = service_role(
        aws,
        f"{name}-rule",
        "iot.amazonaws.com",
        {
            "Action": ["firehose:PutRecord", "firehose:PutRecordBatch", "s3:PutObject"],
            "Resource": [
                f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{stream_name}",
                f"arn:aws:s3:::{bucket_name}/errors/*",
            ],
        },
    )
    aws.client("iot").create_topic_rule(
        ruleName=name,
        topicRulePayload={
            "sql": sql,
            "awsIotSqlVersion": "2016-03-23",
            "actions": [
                {
                    "firehose": {
                        "roleArn": role,
                        "deliveryStreamName": stream_name,
                        "separator": "\n",
                    }
                }
            ],
            "errorAction": {"s3": {"roleArn": role, "bucketName": bucket_name, "key": ERROR_KEY}},
        },
    )


def device(aws: boto3.Session, name: str, folder: Path, policy: str) -> Device:
    """Creates a thing with an active certificate and a policy."""
    iot = aws.client("iot")
    iot.create_thing(thingName=name)
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_policy(policyName=policy, target=made["certificateArn"])
    iot.attach_thing_principal(thingName=name, principal=made["certificateArn"])
    files = Device(name, folder / f"{name}.crt", folder / f"{name}.key")
    files.certificate.write_text(made["certificatePem"])
    files.key.write_text(made["keyPair"]["PrivateKey"])
    return files


def objects(aws: boto3.Session, bucket_name: str, prefix: str) -> dict[str, bytes]:
    """Returns all objects under a prefix, decompressed."""
    s3 = aws.client("s3")
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket_name, Prefix=prefix):
        for entry in page.get("Contents", []):
            body = s3.get_object(Bucket=bucket_name, Key=entry["Key"])["Body"].read()
            found[entry["Key"]] = gzip.decompress(body) if entry["Key"].endswith(".gz") else body
    return found


def await_lines(aws: boto3.Session, bucket_name: str, prefix: str, count: int) -> list[str]:
    """Waits for ``count`` lines under a prefix, and returns them.

    Only for lines without duplicates; for messages over MQTT use `await_identities`.
    """
    return _await(aws, bucket_name, prefix, lambda lines: len(lines) >= count, f"{count} lines")


def await_identities(
    aws: boto3.Session, bucket_name: str, prefix: str, wanted: set[tuple[str, int]]
) -> list[dict[str, Any]]:
    """Waits until all expected readings are under a prefix, duplicates allowed; returns all."""

    def complete(lines: list[str]) -> bool:
        return wanted <= {(r["boot_id"], r["sequence"]) for r in map(json.loads, lines)}

    lines = _await(aws, bucket_name, prefix, complete, f"{len(wanted)} identities")
    return [json.loads(line) for line in lines]


def await_messages(aws: boto3.Session, bucket_name: str, prefix: str, count: int) -> None:
    """Waits for ``count`` distinct messages; duplicates differ only in the rule's arrival time."""

    def different(lines: list[str]) -> bool:
        messages = [{**json.loads(line), "received_at": None} for line in lines]
        return len({json.dumps(message, sort_keys=True) for message in messages}) >= count

    _await(aws, bucket_name, prefix, different, f"{count} different messages")


def _await(
    aws: boto3.Session,
    bucket_name: str,
    prefix: str,
    complete: Callable[[list[str]], bool],
    what: str,
) -> list[str]:
    deadline = time.monotonic() + PATIENCE
    while True:
        bodies = objects(aws, bucket_name, prefix).values()
        lines = [line for body in bodies for line in body.decode().splitlines()]
        if complete(lines):
            return lines
        if time.monotonic() > deadline:
            raise AssertionError(f"expected {what} in {bucket_name}/{prefix}; got {lines}")
        time.sleep(0.1)
