"""Each check of the preflight sees its fault, and only that one."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from contracts.models.container_images import image_uri
from infra.preflight import checks
from infra.preflight.checks import CHECKS, alarms, images, limits, quotas, state_bucket
from infra.preflight.findings import (
    ATTENTION,
    DENIED,
    FAILS,
    OK,
    Finding,
    PreflightError,
    require,
    run,
)
from tests.support.sessions import ACCOUNT
from tests.support.settings import changed
from tests.unit.infra.preflight.answers import (
    Answer,
    account_of,
    denied,
    of_new_account,
    public_access_block,
    refusal,
)
from tests.unit.infra.preflight.answers import limits as lambda_limits
from tests.unit.infra.preflight.answers import quotas as listed

ENVIRONMENT = {"environment": {"account": ACCOUNT}}
OF_CLOUD = {name: check for name, check in CHECKS.items() if name != "Terraform"}
"""The checks that call AWS."""


_image_uri = cache(image_uri)


@pytest.fixture(autouse=True)
def tags_of_images_computed_once(monkeypatch):
    """A tag is a hash of an image's sources, which do not change during the tests."""
    monkeypatch.setattr(images, "image_uri", _image_uri)


def needed(environment: str = "prod") -> dict[str, float]:
    settings = changed(environment, {})
    return {**quotas.instances(settings), **quotas.glue_needs(settings)}


def findings(
    tmp_path: Path,
    changes: dict[tuple[str, str], Answer] | None = None,
    settings: dict[str, Any] | None = None,
    environment: str = "prod",
) -> dict[str, Finding]:
    """The findings, by the name of the check, with these answers in place of a new account's."""
    answers = of_new_account(needed(environment)) | (changes or {})
    found = [
        *run(OF_CLOUD, account_of(answers, tmp_path, environment, ENVIRONMENT | (settings or {})))
    ]
    names = [one.check for one in found]
    assert len(set(names)) == len(names)
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_what_apply_creates_later_is_no_failure_in_a_new_account(tmp_path, environment):
    found = findings(tmp_path, environment=environment)

    assert not any(one.blocks for one in found.values())
    told = {name for name, one in found.items() if one.verdict == ATTENTION}
    assert told == {"alarm recipients", "image boosting", "image evaluation"}
    assert all(found[name].todo for name in told)


def test_the_local_cloud_needs_no_images(tmp_path):
    found = findings(tmp_path, environment="local")

    assert found["images"].verdict == OK
    assert not {"image boosting", "image evaluation"} & set(found)


def test_a_finding_is_one_line(tmp_path):
    for one in findings(tmp_path, {("s3", "HeadBucket"): refusal("x", "403", "a\nb")}).values():
        assert "\n" not in one.line(10)


RESERVED = {"forecast": {"api": {"reserved_concurrency": 50}}}
BY_TAG = {"budget": {"by_tag": True}}

CASES: dict[str, tuple[dict[tuple[str, str], Answer], dict[str, Any], str, str, str]] = {
    "another account": (
        {}, {"environment": {"account": "999999999999"}}, "account", FAILS, "999999999999"),
    "the root user": (
        {("sts", "GetCallerIdentity"): {"Arn": f"arn:aws:iam::{ACCOUNT}:root"}}, {},
        "identity", ATTENTION, "root user"),
    "a closed service": (
        {("iot", "DescribeEndpoint"): refusal("DescribeEndpoint", "SubscriptionRequiredException")},
        {}, "service iot", FAILS, "ask AWS Support"),
    "a service that the region lacks": (
        {("firehose", "ListDeliveryStreams"): EndpointConnectionError(endpoint_url="https://x")},
        {}, "service firehose", FAILS, "not in this region"),
    "a managed MLflow that is missing": (
        {("sagemaker", "ListMlflowTrackingServers"): refusal("x", "OptInRequired")},
        {"experiments": {"tracking_server": True}}, "service sagemaker", FAILS,
        "cannot use the service"),
    "no instance for training": (
        {("service-quotas", "ListServiceQuotas"):
            lambda _: listed(needed() | {"ml.c5.2xlarge for training job usage": 0.0})},
        {}, "ml.c5.2xlarge for training job usage", FAILS, "got 0; request it"),
    "no room for a second fleet": (
        {("service-quotas", "ListServiceQuotas"):
            lambda _: listed(needed() | {"ml.m5.large for endpoint usage": 2.0})},
        {}, "ml.m5.large for endpoint usage", FAILS, "expected at least 4; got 2"),
    "an instance type that does not exist": (
        {}, {"forecast": {"training": {"instance_type": "ml.m5.huge"}}},
        "ml.m5.huge for training job usage", ATTENTION, "no quota of this name"),
    "too few DPUs": (
        {("service-quotas", "ListServiceQuotas"):
            lambda _: listed(needed() | {quotas.GLUE_DPUS: 10.0})},
        {}, quotas.GLUE_DPUS, FAILS, "expected at least 60; got 10"),
    "a new account's Lambda limit": (
        {("lambda", "GetAccountSettings"): lambda_limits(10, 10)}, RESERVED,
        "Lambda concurrency", FAILS, "got 0 of a limit of 10"),
    "a limit that others have reserved": (
        {("lambda", "GetAccountSettings"): lambda_limits(1000, 149)}, RESERVED,
        "Lambda concurrency", FAILS, "got 49 of a limit of 1000"),
    "another estate's logging role": (
        {("apigateway", "GetAccount"): {"cloudwatchRoleArn": "arn:aws:iam::1:role/lakecast-dev"}},
        {}, "API Gateway logging", FAILS, "would replace it"),
    "no logging role where none is set": (
        {}, {"account": {"owner": False}}, "API Gateway logging", FAILS,
        "stages write logs"),
    "no state bucket": (  # nothing else of it is looked at
        {("s3", "HeadBucket"): refusal("x", "404")}, {}, "state bucket", FAILS, "got none"),
    "a state bucket elsewhere": (
        {("s3", "HeadBucket"): {"BucketRegion": "us-east-1"}}, {}, "state bucket", FAILS,
        "got us-east-1"),
    "a state without versions": (
        {("s3", "GetBucketVersioning"): {}}, {}, "state versions", FAILS, "never enabled"),
    "a state in plain text": (
        {("s3", "GetBucketEncryption"):
            refusal("x", "ServerSideEncryptionConfigurationNotFoundError")},
        {}, "state encryption", FAILS, "got none"),
    "a public state": (
        {("s3", "GetPublicAccessBlock"): public_access_block(BlockPublicPolicy=False)}, {},
        "state is private", FAILS, "no BlockPublicPolicy"),
    "a state that nobody made private": (
        {("s3", "GetPublicAccessBlock"): refusal("x", "NoSuchPublicAccessBlockConfiguration")}, {},
        "state is private", FAILS, "no BlockPublicAcls"),
    "a role that may not lock": (
        {("s3", "PutObject"): refusal("PutObject", "AccessDenied")}, {}, "state lock", ATTENTION,
        "LOCK=0"),
    "an inactive tag": (
        {("ce", "ListCostAllocationTags"): {"CostAllocationTags": [
            {"TagKey": "environment", "Type": "UserDefined", "Status": "Inactive"}]}},
        BY_TAG, "cost tag", ATTENTION, "got inactive"),
    "an unconfirmed subscription": (
        {("sns", "ListSubscriptionsByTopic"): {
            "Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}},
        {}, "alarm recipients", ATTENTION, "1 unconfirmed"),
    "a topic without subscribers": (
        {("sns", "ListSubscriptionsByTopic"): {"Subscriptions": []}}, {}, "alarm recipients",
        ATTENTION, "nobody hears"),
    "an image of other sources": (
        {("ecr", "DescribeImages"): refusal("x", "ImageNotFoundException")}, {}, "image boosting",
        ATTENTION, "no image of these sources"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_seen_in_its_own_line(tmp_path, case):
    changes, settings, check, verdict, words = CASES[case]

    found = findings(tmp_path, changes, settings)

    assert found[check].verdict == verdict, found[check]
    assert words in found[check].line(10)
    others = {
        name for name, one in found.items() if one.verdict == FAILS and not name.startswith("image")
    }
    assert others <= {check}, "a fault of one thing is no fault of another"


PERMISSIONS = {
    ("sagemaker", "ListEndpoints"): "service sagemaker",
    ("service-quotas", "ListServiceQuotas"): "SageMaker quotas",
    ("lambda", "GetAccountSettings"): "Lambda concurrency",
    ("apigateway", "GetAccount"): "API Gateway logging",
    ("s3", "HeadBucket"): "state bucket",
    ("s3", "GetBucketVersioning"): "state versions",
    ("s3", "GetBucketEncryption"): "state encryption",
    ("s3", "GetPublicAccessBlock"): "state is private",
    ("ce", "ListCostAllocationTags"): "cost tag",
    ("sns", "ListSubscriptionsByTopic"): "alarm recipients",
    ("ecr", "DescribeImages"): "images",
}


@pytest.mark.parametrize("call", PERMISSIONS, ids=".".join)
def test_a_missing_permission_is_no_pass_and_stops_no_other_check(tmp_path, call):
    error = refusal(call[1], "403") if call[1] == "HeadBucket" else denied(*call)
    found = findings(tmp_path, {call: error}, BY_TAG)

    finding = found[PERMISSIONS[call]]
    assert (finding.verdict, finding.blocks) == (DENIED, True)
    assert finding.todo
    assert list(found)[-1].startswith("image")


def test_a_fault_of_a_check_is_shown_and_stops_no_other_check(tmp_path):
    found = findings(tmp_path, {("lambda", "GetAccountSettings"): {}})

    assert found["Lambda concurrency"].verdict == FAILS
    assert "KeyError" in found["Lambda concurrency"].found
    assert "state bucket" in found


def test_good_answers_are_ok(tmp_path):
    own = f"arn:aws:iam::{ACCOUNT}:role/lakecast-prod-api-logging"
    found = findings(
        tmp_path,
        {
            ("apigateway", "GetAccount"): {"cloudwatchRoleArn": own},
            ("lambda", "GetAccountSettings"): lambda_limits(1000, 100),
            ("lambda", "GetFunctionConcurrency"): {"ReservedConcurrentExecutions": 50},
            ("ce", "ListCostAllocationTags"): {"CostAllocationTags": [
                {"TagKey": "environment", "Type": "UserDefined", "Status": "Active"}]},
            ("sns", "ListSubscriptionsByTopic"): {
                "Subscriptions": [{"SubscriptionArn": "arn:aws:sns:x"}]},
            ("ecr", "DescribeImages"): {"imageDetails": [{"imageDigest": "sha256:1"}]},
        },
    )  # fmt: skip

    assert {one.verdict for one in found.values()} == {OK}
    assert "sha256:1" in found["image boosting"].found


def test_a_logging_role_that_was_deleted_may_be_replaced(tmp_path):
    changes = {
        ("apigateway", "GetAccount"): {"cloudwatchRoleArn": "arn:aws:iam::1:role/lakecast-dev"},
        ("iam", "GetRole"): refusal("GetRole", "NoSuchEntity"),
    }

    assert findings(tmp_path, changes)["API Gateway logging"].verdict == OK


def test_a_plan_is_refused_that_would_take_the_account_from_another_environment(tmp_path):
    other = {"cloudwatchRoleArn": "arn:aws:iam::1:role/lakecast-dev-api-logging"}
    answers = of_new_account({}) | {("apigateway", "GetAccount"): other}
    checks = {"API Gateway logging": limits.api_gateway_account}

    with pytest.raises(
        PreflightError, match=r"dev-api-logging; .*account\.owner = false in .*prod"
    ):
        require(checks, account_of(answers, tmp_path))
    require(checks, account_of(answers, tmp_path, settings={"account": {"owner": False}}))
    with pytest.raises(PreflightError, match="not authorized"):
        denial = {("apigateway", "GetAccount"): denied("apigateway", "GetAccount")}
        require(checks, account_of(answers | denial, tmp_path))


def test_a_budget_of_the_whole_account_needs_no_tag(tmp_path):
    found = findings(tmp_path, settings={"budget": {"by_tag": False}})

    assert found["cost tag"].verdict == OK


def test_recipients_in_the_settings_are_enough(tmp_path):
    found = findings(
        tmp_path, settings={"alarms": {"targets": ["arn:aws:sns:eu-west-1:123456789012:page"]}}
    )

    assert found[alarms._NAME].verdict == OK


def test_the_lock_that_was_written_is_removed_with_its_version(tmp_path):
    account = account_of(of_new_account(needed()), tmp_path)

    [*state_bucket.check(account)]

    calls = {operation: request for _, operation, request in account.session.calls}
    assert calls["PutObject"]["IfNoneMatch"] == "*"
    assert calls["DeleteObject"]["Key"] == calls["PutObject"]["Key"]
    assert calls["DeleteObject"]["VersionId"] == "v1"


def test_a_limit_without_reservations_needs_no_more_than_itself(tmp_path):
    answers = of_new_account({}) | {("lambda", "GetAccountSettings"): lambda_limits(10, 10)}

    (found,) = limits.concurrency(account_of(answers, tmp_path, "dev"))

    assert found.verdict == ATTENTION


def test_an_endpoint_needs_room_for_two_fleets():
    settings = changed("prod", {"forecast": {"endpoint": {"initial_instance_count": 3}}})

    assert quotas.instances(settings)["ml.m5.large for endpoint usage"] == 6


def test_every_check_is_in_the_table():
    modules = {check.__module__.rpartition(".")[2] for check in CHECKS.values()}
    files = {path.stem for path in Path(checks.__file__).parent.glob("*.py")} - {"__init__"}

    assert modules == files
    assert Counter(CHECKS.values()).most_common(1)[0][1] == 1
