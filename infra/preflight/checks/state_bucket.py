"""The bucket of Terraform's state, which no stack creates."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from infra.preflight.account import Account
from infra.preflight.findings import ATTENTION, FAILS, OK, Finding, of_error

_HOW = "docs/runbooks/first-time-on-aws.md has the commands"


def check(account: Account) -> Iterator[Finding]:
    """Checks that the bucket is in the region, versioned, encrypted, private, and can be locked."""
    if account.backend == "local":
        yield Finding("state bucket", OK, "no bucket", "none needed: the state is a local file")
        return
    s3, bucket = account.client("s3"), account.names.bucket("terraform-state")
    try:
        found = s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        yield Finding("state bucket", FAILS, f"the bucket {bucket}", "none", _HOW)
        return
    region = found.get("BucketRegion", account.names.region)
    if region != account.names.region:
        yield Finding("state bucket", FAILS, f"{bucket} in {account.names.region}", region, _HOW)
    else:
        yield Finding("state bucket", OK, "exists", bucket)
    for name, work in (
        ("state versions", _versions),
        ("state encryption", _encryption),
        ("state is private", _private),
        ("state lock", _lock),
    ):
        try:
            yield work(name, s3, bucket)
        except ClientError as error:
            yield of_error(name, error, "an answer of S3")


def _versions(name: str, s3: Any, bucket: str) -> Finding:
    status = s3.get_bucket_versioning(Bucket=bucket).get("Status", "never enabled")
    verdict = OK if status == "Enabled" else FAILS
    return Finding(name, verdict, "versioning Enabled", status, "" if verdict == OK else _HOW)


def _encryption(name: str, s3: Any, bucket: str) -> Finding:
    try:
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"][
            "Rules"
        ]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ServerSideEncryptionConfigurationNotFoundError":
            raise
        return Finding(name, FAILS, "encryption by default", "none", _HOW)
    kinds = [rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] for rule in rules]
    return Finding(name, OK, "encryption by default", ", ".join(kinds))


def _private(name: str, s3: Any, bucket: str) -> Finding:
    try:
        blocks = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            raise
        blocks = {}
    switches = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    if open_ := [switch for switch in switches if not blocks.get(switch)]:
        return Finding(name, FAILS, "public access blocked", f"no {', '.join(open_)}", _HOW)
    return Finding(name, OK, "public access blocked", "public access is blocked")


def _lock(name: str, s3: Any, bucket: str) -> Finding:
    """Writes and removes a lock as Terraform does: an object that must not exist.

    https://developer.hashicorp.com/terraform/language/backend/s3#state-locking
    """
    key = f"preflight-{secrets.token_hex(4)}.tflock"
    try:
        made = s3.put_object(Bucket=bucket, Key=key, Body=b"{}", IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDenied", "403"):
            raise
        return Finding(
            name, ATTENTION, "permission to write and delete lock files", "none",
            "the role that applies needs it; one that only plans does not (make plan LOCK=0)",
        )  # fmt: skip
    version = {"VersionId": made["VersionId"]} if made.get("VersionId") else {}
    s3.delete_object(Bucket=bucket, Key=key, **version)
    return Finding(name, OK, "a lock file", "a lock file was written and removed")
