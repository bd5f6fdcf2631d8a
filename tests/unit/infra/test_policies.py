"""Policies of the estate have an effect on AWS, and roles permit what its services do with them."""

from __future__ import annotations

import copy
import re

import pytest

from contracts.names import ENVIRONMENTS
from tests.support.iam.grants import permits
from tests.support.iam.needs import PLACES, Roles, table
from tests.support.iam.policies import faults
from tests.support.machine_results import Results
from tests.unit.infra.machines.test_calls import INPUTS, LONGEST, definition_of, followed
from tests.unit.infra.test_stacks import Estate


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def estate(synthesised, request):
    return Estate(synthesised, request.param)


@pytest.fixture(scope="module")
def roles(synthesised):
    longest = Estate(synthesised, LONGEST)
    endpoint = longest.settings.forecast.endpoint
    results = Results(longest.names, endpoint.instance_type, endpoint.initial_instance_count)
    paths = {
        name: followed(definition_of(longest, name), given, results)
        for name, given in INPUTS.items()
    }
    return Roles(longest, paths)


def test_every_statement_has_an_effect(estate):
    checked = 0
    for address, statement in estate.policies():
        # policies of AWS IoT have condition keys of their own
        found = faults(statement, with_conditions=not address.startswith("aws_iot_policy."))
        assert found == [], f"{address}, {statement['Sid']}"
        checked += 1
    assert checked > 100


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"Action": "s3:GetObjects"}, "there is no action s3:GetObjects"),
        ({"Action": "s4:GetObject"}, "there is no action s4:GetObject"),
        ({"Action": "s3:ListBucket"}, "s3:ListBucket does not apply to arn:aws:s3:::bucket/a/*"),
        ({"Resource": "arn:aws:s3:::bucket"}, "s3:GetObject does not apply to arn:aws:s3:::bucket"),
        (
            {"Action": "logs:DescribeLogGroups", "Resource": "arn:aws:logs:a:1:log-group:b"},
            "logs:DescribeLogGroups does not apply to arn:aws:logs:a:1:log-group:b",
        ),
        (
            {"Action": "sagemaker:CreateEndpoint", "Resource": "arn:aws:sagemaker:a:1:endpoint/b"},
            "sagemaker:CreateEndpoint also needs a resource of the type endpoint-config",
        ),
        (
            {"Resource": ["arn:aws:s3:::bucket/*", "arn:aws:sns:a:1:b"]},
            "no action applies to arn:aws:sns:a:1:b",
        ),
        (
            {"Condition": {"StringEquals": {"s3:prefix": "a"}}},
            "requests of s3:GetObject have no condition key s3:prefix",
        ),
        ({"Condition": {"StringEquals": {"aws:SourceAcount": "1"}}}, "have no condition key"),
    ],
)
def test_a_statement_without_effect_is_found(changes, fault):
    statement = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/a/*",
    }
    assert faults(statement) == []
    found = faults(statement | changes)
    assert any(re.search(re.escape(fault), one) for one in found), found


@pytest.mark.parametrize("need", table(), ids=lambda one: f"{one.case}-{one.actions[0]}")
def test_roles_permit_what_services_do_with_them(need, roles):
    assert roles.refused(need) == [], f"{need.what}; see {need.source}"


def test_every_case_has_a_row_with_its_source():
    assert {one.case for one in table()} == set(PLACES)
    assert all(one.source.startswith("https://") for one in table())


@pytest.mark.parametrize("need", table(), ids=lambda one: f"{one.case}-{one.actions[0]}")
def test_a_missing_permission_is_found(need, roles):
    without = copy.copy(roles)
    kinds = ("Training", "Processing", "Transform", "")
    removed = {need.actions[0].format(kind=kind) for kind in kinds}
    without.statements = {
        role: [
            {**one, "Action": [action for action in _actions(one) if action not in removed]}
            for one in statements
        ]
        for role, statements in roles.statements.items()
    }
    assert without.refused(need) != []


def _actions(statement):
    action = statement["Action"]
    return [action] if isinstance(action, str) else action


def test_a_grant_holds_for_its_resources_and_conditions_only():
    key = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"}}
    statements = [
        {"Effect": "Allow", "Action": "kms:*", "Resource": "arn:k/*", "Condition": key},
        {"Effect": "Deny", "Action": "s3:*", "Resource": "*"},
    ]
    assert permits(statements, "kms:Encrypt", "arn:k/1", {"kms:ResourceAliases": "alias/a"})
    assert not permits(statements, "kms:Encrypt", "arn:k/1", {"kms:ResourceAliases": "alias/b"})
    assert not permits(statements, "kms:Encrypt", "arn:k/1")
    assert not permits(statements, "kms:Encrypt", "arn:j/1", {"kms:ResourceAliases": "alias/a"})
    assert not permits(statements, "s3:GetObject", "arn:b/1")
