"""The policies for those who run preflight and smoke test permit all calls, and have an effect."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from tests.support.iam.policies import faults, listed
from tests.unit.infra.preflight.answers import Answers, account_of, of_new_account
from tests.unit.infra.preflight.test_preflight import ENVIRONMENT, OF_CLOUD, findings, needed

ROOT = Path(__file__).parents[3]
POLICIES = ROOT / "infra/policies"

PREFIXES = {
    "service-quotas": "servicequotas",
    "stepfunctions": "states",
    "iot-data": "iot",
    "sagemaker-runtime": "sagemaker",
}
"""Services whose actions begin otherwise than botocore's name."""
ACTIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:DeleteObjects": "s3:DeleteObjectVersion",
}
"""Actions that are not named as the operation.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html"""
SMOKE_SERVICES = (
    "sts", "iot", "iot-data", "s3", "glue", "sagemaker", "sagemaker-runtime", "dynamodb", "logs",
)  # fmt: skip
OF_OTHER_VERBS = {
    "apigateway:GET", "iot:CreateCertificateFromCsr", "iot:CreateKeysAndCertificate",
    "iot:CreateThing", "iot:AttachThingPrincipal", "iot:AttachPolicy", "iot:DescribeThingType",
    "iot:GetPolicy",
    "sts:GetCallerIdentity",
}  # fmt: skip
"""What the verbs of devices and models call, and `Names.from_aws`."""
OF_SERVICES = {
    "iam:PassRole", "iot:RetainPublish", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt",
    "kms:GenerateDataKey", "s3:DeleteObject", "sagemaker:AddTags",
}  # fmt: skip
"""What a call needs besides its own action."""


def statements(name: str) -> list[dict[str, Any]]:
    text = (POLICIES / f"{name}.json").read_text(encoding="utf-8")
    for word, value in (("REGION", "eu-west-1"), ("ACCOUNT", "123456789012"), ("ENV", "dev")):
        text = text.replace(word, value)
    found: list[dict[str, Any]] = json.loads(text)["Statement"]
    return found


def permitted(name: str) -> set[str]:
    return {action for one in statements(name) for action in listed(one["Action"])}


def action(service: str, operation: str) -> str:
    if service == "apigateway":
        return "apigateway:GET"
    prefixed = f"{PREFIXES.get(service, service)}:{operation}"
    return ACTIONS.get(prefixed, prefixed)


@pytest.mark.parametrize("name", ["preflight", "smoke"])
def test_every_statement_has_an_effect(name):
    assert {one["Sid"]: found for one in statements(name) if (found := faults(one))} == {}


def test_the_preflight_may_make_its_calls_and_no_others(tmp_path):
    everything = {"budget": {"by_tag": True}, "experiments": {"tracking_server": True}}
    account = account_of(of_new_account(needed()), tmp_path, "prod", ENVIRONMENT | everything)
    assert isinstance(account.session, Answers)
    for check in OF_CLOUD.values():
        [*check(account)]
    called = {action(service, operation) for service, operation, _ in account.session.calls}
    others = {"iam:GetRole", "s3:DeleteObjectVersion"}  # of cases that a new account has not

    assert called | others == permitted("preflight")
    assert findings(tmp_path)


def test_the_smoke_test_may_make_its_calls_and_no_others():
    called = set()
    for path in (ROOT / "smoke").rglob("*.py"):
        called |= calls(path.read_text(encoding="utf-8"))
    # one name is an operation of several services: one of them must be permitted
    missing = {options for options in called if not options & permitted("smoke")}
    used = {one for options in called for one in options}

    assert missing == set()
    assert permitted("smoke") <= used | OF_OTHER_VERBS | OF_SERVICES


def calls(source: str) -> set[frozenset[str]]:
    """The actions of each operation that a program names, in a call or as text."""
    words = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=word) | ast.Constant(value=str(word)):
                words.add(word)
    session = botocore.session.get_session()
    found: dict[str, set[str]] = {}
    for service in SMOKE_SERVICES:
        for operation in session.get_service_model(service).operation_names:
            found.setdefault(xform_name(operation), set()).add(action(service, operation))
    return {frozenset(found[word]) for word in words if word in found}


def test_calls_are_found_in_code_and_in_text():
    assert calls("iot.list_things()\nx.get_paginator('list_models')\nx.append(1)") == {
        frozenset({"iot:ListThings"}), frozenset({"sagemaker:ListModels"})
    }  # fmt: skip
