"""Rules of the estate match the events that AWS documents, and give targets what they need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from contracts.names import ENVIRONMENTS
from tests.support.eventbridge.rules import (
    documented,
    faults_of_pattern,
    faults_of_transformer,
    matches,
    near_misses,
)
from tests.support.iam.grants import permits
from tests.unit.infra.test_stacks import Estate, listed

APPROVAL = {
    "source": ["aws.sagemaker"],
    "detail-type": ["SageMaker Model Package State Change"],
    "detail": {"ModelApprovalStatus": ["Approved"]},
}


@dataclass
class Rule:
    """A rule with its pattern, None if it has a schedule, and its targets."""

    name: str
    address: str
    pattern: str | None
    targets: list[dict[str, Any]]


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def estate(request, synthesised) -> Estate:
    return Estate(synthesised, request.param)


@pytest.fixture
def rules(estate) -> list[Rule]:
    targets = estate.resources("aws_cloudwatch_event_target").values()
    return [
        Rule(
            one["name"],
            address,
            one.get("event_pattern"),
            [
                each
                for each in targets
                if each["rule"] == f"${{aws_cloudwatch_event_rule.{address}.name}}"
            ],
        )
        for address, one in estate.resources("aws_cloudwatch_event_rule").items()
    ]


def patterns(rules: list[Rule]) -> dict[str, str]:
    found = {one.address: one.pattern for one in rules if one.pattern is not None}
    assert len(found) >= 3
    return found


def test_every_pattern_matches_an_event_of_aws(rules):
    found = {address: faults_of_pattern(one) for address, one in patterns(rules).items()}
    assert found == {address: [] for address in found}


def test_no_pattern_matches_an_event_that_differs_in_one_field(rules):
    for address, pattern in patterns(rules).items():
        events = list(near_misses(pattern))
        assert len(events) > 5
        assert [what for what, one in events if matches(pattern, one)] == [], address


def test_every_input_is_made_of_fields_that_the_event_has(rules):
    checked = 0
    for rule in rules:
        for target in rule.targets:
            if "input_transformer" in target:
                given = target["input_transformer"]
                paths, template = given["input_paths"], given["input_template"]
                assert faults_of_transformer(rule.pattern, paths, template) == [], rule.address
                checked += 1
            elif "input" in target:
                json.loads(target["input"])
    assert checked >= 2


def test_every_rule_may_call_its_targets(estate, rules):
    for rule in rules:
        assert rule.targets, f"{rule.address} has no target"
        for target in rule.targets:
            service = target["arn"].split(":")[2]
            assert service in MAY_CALL, f"nothing is known about targets of {service}"
            assert MAY_CALL[service](estate, rule, target), f"{rule.address}: {target['arn']}"


def role_may_start(estate: Estate, rule: Rule, target: dict[str, Any]) -> bool:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html"""
    role = target["role_arn"].removeprefix("${aws_iam_role.").removesuffix(".arn}")
    declared = estate.resources("aws_iam_role")[role]
    trust = json.loads(declared["assume_role_policy"])["Statement"]
    statements = [
        statement
        for one in estate.resources("aws_iam_role_policy").values()
        if role in one["role"].split(".")
        for statement in json.loads(one["policy"])["Statement"]
    ]
    return permits(statements, "states:StartExecution", target["arn"]) and trusts(
        estate, rule, trust
    )


def trusts(estate: Estate, rule: Rule, statements: list[dict[str, Any]]) -> bool:
    context = {"aws:SourceAccount": estate.names.account_id, "aws:SourceArn": arn(estate, rule)}
    from_events = [
        {**one, "Resource": "*"}
        for one in statements
        if "events.amazonaws.com" in listed(one["Principal"].get("Service", []))
    ]
    return permits(from_events, "sts:AssumeRole", "*", context)


def topic_accepts(estate: Estate, rule: Rule, target: dict[str, Any]) -> bool:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html"""
    context = {"aws:SourceAccount": estate.names.account_id, "aws:SourceArn": arn(estate, rule)}
    from_events = [
        statement
        for one in estate.resources("aws_sns_topic_policy").values()
        for statement in json.loads(one["policy"])["Statement"]
        if "events.amazonaws.com" in listed(statement["Principal"].get("Service", []))
    ]
    return "role_arn" not in target and permits(from_events, "sns:Publish", target["arn"], context)


def arn(estate: Estate, rule: Rule) -> str:
    return estate.names.arn("events", f"rule/{rule.name}")


MAY_CALL = {"states": role_may_start, "sns": topic_accepts}


@pytest.mark.parametrize(
    ("kind", "attribute", "old", "new"),
    [
        ("aws_iam_role", "assume_role_policy", "events.amazonaws.com", "lambda.amazonaws.com"),
        ("aws_iam_role", "assume_role_policy", ":rule/", ":rules/"),
        ("aws_iam_role_policy", "policy", "states:StartExecution", "states:StopExecution"),
        ("aws_sns_topic_policy", "policy", "sns:Publish", "sns:Subscribe"),
        ("aws_sns_topic_policy", "policy", ":rule/lakecast", ":rule/other"),
    ],
)
def test_a_missing_permission_is_found(kind, attribute, old, new, estate, rules, monkeypatch):
    declared = estate.resources(kind)
    for one in declared.values():
        monkeypatch.setitem(one, attribute, one[attribute].replace(old, new))
    with pytest.raises(AssertionError, match="arn:aws:"):
        test_every_rule_may_call_its_targets(estate, rules)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"source": ["aws.sagemakr"]}, "AWS's event is not in events.toml"),
        ({"detail-type": ["SageMaker Model Package Change"]}, "AWS's event is not in events.toml"),
        ({"detail": {"ModelApproval": ["Approved"]}}, "has no detail.ModelApproval"),
        ({"detail": {"ModelPackageVersion": [{"numeric": [">", 5]}]}}, "does not match"),
        ({"detail": {"ModelApprovalStatus": "Approved"}}, "EventBridge refuses the pattern"),
        ({"detail": {"ModelApprovalStatus": []}}, "EventBridge refuses the pattern"),
        ({"detail": {"ModelApprovalStatus": [{"sufix": "ed"}]}}, "EventBridge refuses the pattern"),
        ({"resources": ["arn:" + "a" * 2048]}, "expected at most 2048 characters"),
    ],
)
def test_a_fault_of_a_pattern_is_found(changes, fault):
    assert faults_of_pattern(json.dumps(APPROVAL)) == []
    found = faults_of_pattern(json.dumps(APPROVAL | changes))
    assert any(fault in one for one in found), found


def test_a_pattern_that_matches_too_much_is_found():
    lax = json.dumps(APPROVAL | {"detail": {"ModelApprovalStatus": ["Approved", {"prefix": "P"}]}})
    assert "detail.ModelApprovalStatus 'PendingManualApproval'" in {
        what for what, one in near_misses(lax) if matches(lax, one)
    }


@pytest.mark.parametrize(
    ("paths", "template", "fault"),
    [
        ({"group": "$.detail.ModelPackageGroup"}, '{"a": "<group>"}', "has no $.detail.Model"),
        ({"group": "detail.ModelPackageGroupName"}, '{"a": "<group>"}', "has no detail.Model"),
        ({}, '{"a": "<group>"}', "<group> has no path"),
        ({"group": "$.detail.ModelPackageGroupName"}, '{"a": 1}', "group is not used"),
        ({"group": "$.detail.ModelPackageGroupName"}, "made of <group>", "the input is no JSON"),
        ({"aws": "$.detail.ModelPackageGroupName"}, '{"a": "<aws>"}', "begins as AWS's own do"),
    ],
)
def test_a_fault_of_a_transformer_is_found(paths, template, fault):
    found = faults_of_transformer(json.dumps(APPROVAL), paths, template)
    assert any(fault in one for one in found), found


def test_every_documented_event_has_its_source():
    for (source, kind), one in documented().items():
        assert one.documentation.startswith("https://docs.aws.amazon.com/"), (source, kind)
        assert one.body.keys() == {
            *("version", "id", "detail-type", "source", "account", "time", "region"),
            *("resources", "detail"),
        }
