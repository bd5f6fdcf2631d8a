"""Commits to the lake of runs that outlive the credentials that they started with.

A role's credentials expire, after an hour by default; Glue's are replaced in time, but only in
sessions that ask again.
"""

from __future__ import annotations

import json

import boto3
import pytest
from pyspark.sql import types as T

from glue_jobs.lake import delta
from glue_jobs.lake.delta import DataFile
from localcloud.cloud.launch import LocalCloud

BUCKET = "lake-of-a-long-run"
SCHEMA = T.StructType([T.StructField("device_id", T.StringType())])


def file(number: int) -> DataFile:
    return DataFile(f"run-{number}/date=2026-06-01/x.parquet", "2026-06-01", 1, 10)


class Credentials:
    """Access keys of one user; this process has the newest one, and the others are deleted."""

    def __init__(self, aws: boto3.Session, environment: pytest.MonkeyPatch, user: str) -> None:
        self._iam = aws.client("iam")
        self._environment = environment
        self._user = user
        self._iam.create_user(UserName=user)
        statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._iam.put_user_policy(UserName=self._user, PolicyName="lake", PolicyDocument=policy)

    def replace(self) -> None:
        old = self._iam.list_access_keys(UserName=self._user)["AccessKeyMetadata"]
        key = self._iam.create_access_key(UserName=self._user)["AccessKey"]
        for one in old:
            self._iam.delete_access_key(UserName=self._user, AccessKeyId=one["AccessKeyId"])
        self._environment.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        self._environment.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])


@pytest.fixture(scope="module", autouse=True)
def bucket(aws: boto3.Session) -> None:
    aws.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.region_name}
    )


@pytest.fixture
def credentials(
    cloud: LocalCloud,
    aws: boto3.Session,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Credentials:
    for name, value in cloud.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    return Credentials(aws, monkeypatch, request.node.name[:60])


def test_a_commit_uses_the_credentials_of_its_own_time(credentials):
    uri = f"s3://{BUCKET}/telemetry/"
    first, second = map(file, (1, 2))
    credentials.replace()
    delta.commit(delta.snapshot(uri), SCHEMA, [first], run="1")

    base = delta.snapshot(uri)
    credentials.replace()  # while the run computes
    wider = T.StructType([*SCHEMA.fields, T.StructField("pollutant", T.StringType())])
    progress = base.progress("telemetry")
    version = delta.commit(base, wider, [second], [first], run="2", progress={"telemetry": 7})

    now = delta.snapshot(uri)
    assert progress is None
    assert (now.version, now.files) == (version, (second,))
    assert now.progress("telemetry") == 7


def test_a_commit_that_meets_another_one_is_refused_under_new_credentials(credentials):
    uri = f"s3://{BUCKET}/series/"
    files = [file(number) for number in range(3)]
    credentials.replace()
    delta.commit(delta.snapshot(uri), SCHEMA, files[:1], run="1")
    base = delta.snapshot(uri)
    delta.commit(base, SCHEMA, files[1:2], run="2")

    credentials.replace()

    with pytest.raises(delta.CommitConflictError):
        delta.commit(base, SCHEMA, files[2:], run="3")
    assert set(delta.snapshot(uri).files) == set(files[:2])
