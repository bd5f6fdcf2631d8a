"""Calls of all state machines are valid for AWS and permitted to their roles."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from contracts.names import ENVIRONMENTS
from infra.modules.core.policy import Statement
from infra.modules.machines.permissions import united
from tests.support.aws_shapes import complaints
from tests.unit.infra.machines.test_retrain import states
from tests.unit.infra.test_stacks import Estate

SERVICES = {"sfn": "stepfunctions"}


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def estate(synthesised, request):
    return Estate(synthesised, request.param)


def test_aws_would_accept_every_call(estate):
    called = 0
    for name, state in calls(estate):
        service, operation = operation_of(state["Resource"])
        found = complaints(service, operation, spelled(service, state["Arguments"]))
        assert found == [], f"{name}: {found}"
        called += 1
    assert called > 30


def calls(estate: Estate) -> list[tuple[str, dict[str, Any]]]:
    machines = estate.resources("aws_sfn_state_machine").values()
    return [
        (name, state)
        for one in machines
        # Terraform inserts the address of the AWS image
        for name, state in states(json.loads(re.sub(r"\$\{[^}]*\}", "image", one["definition"])))
        if state["Type"] == "Task"
    ]


def operation_of(resource: str) -> tuple[str, str]:
    name = resource.removeprefix("arn:aws:states:::").removeprefix("aws-sdk:")
    service, operation = name.removesuffix(".sync").split(":")
    return SERVICES.get(service, service), operation[0].upper() + operation[1:]


def spelled(service: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Returns members in the service's spelling; a state always capitalises their first letter."""
    if service != "stepfunctions":
        return arguments
    return {name[0].lower() + name[1:]: value for name, value in arguments.items()}


def test_permissions_with_the_same_resource_and_conditions_are_merged():
    found = united(
        [
            Statement("Find", ("a:List",), ("*",)),
            Statement("Run", ("a:Start",), ("arn:a",)),
            Statement("Look", ("b:List", "a:List"), ("*",)),
            Statement("Run", ("a:Start",), ("arn:b",)),
            Statement("Run", ("a:Stop",), ("arn:a",), conditions={"Bool": {"a": "true"}}),
        ]
    )
    assert [(one.sid, one.actions, one.resources) for one in found] == [
        ("Find", ("a:List", "b:List"), ("*",)),
        ("Run", ("a:Start",), ("arn:a",)),
        ("Run2", ("a:Start",), ("arn:b",)),
        ("Run3", ("a:Stop",), ("arn:a",)),
    ]
