"""Calls of all state machines are valid for AWS and permitted to their roles.

Each machine is followed through all its paths with results that AWS may give, so the arguments
are those of an execution, with the values of their expressions.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from contracts.names import ENVIRONMENTS
from infra.modules.core.policy import Statement
from infra.modules.machines.permissions import united
from localcloud.cloud.aws_shapes import operation_model, request_violations, result_violations
from tests.support.expressions import is_expression
from tests.support.machine_paths import Paths
from tests.support.machine_results import RESULTS, Results
from tests.unit.infra.machines.test_retrain import states
from tests.unit.infra.test_stacks import Estate

SERVICES = {"sfn": "stepfunctions"}
LONGEST = "staging"
"""The environment with the longest names."""
INPUTS: dict[str, list[dict[str, Any]]] = {
    "retrain_machine": [
        {
            "commit": "0123abc",
            "reason": "drift of «PM2.5» by 50 %\n— again " * 40,
            "algorithm": "deepar",
        },
        {"resume": "20261201-000000-beef", "etl": False, "hyperparameters": {"epochs": "2"}},
    ],
    "nightly_machine": [{"read_arrivals": True}, {"only_drift": True}, {}],
    "rollout_machine": [
        {},
        {"detail": {"ModelApprovalStatus": "Rejected", "ModelPackageVersion": 4}},
    ],
}
"""Inputs of each machine's executions."""


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def estate(synthesised, request):
    return Estate(synthesised, request.param)


def test_aws_would_accept_every_call(estate):
    called = 0
    for name, state in calls(estate):
        service, operation = operation_of(state["Resource"])
        found = request_violations(
            service, operation, spelled(service, state["Arguments"]), is_expression
        )
        assert found == [], f"{name}: {found}"
        called += 1
    assert called > 30


@pytest.fixture(scope="module")
def longest(synthesised):
    return Estate(synthesised, LONGEST)


@pytest.fixture(scope="module")
def results(longest):
    endpoint = longest.settings.forecast.endpoint
    return Results(longest.names, endpoint.instance_type, endpoint.initial_instance_count)


def test_inputs_of_every_machine_are_known(estate):
    assert set(estate.resources("aws_sfn_state_machine")) == set(INPUTS)


@pytest.fixture(scope="module")
def paths(longest, results):
    return {
        name: followed(definition_of(longest, name), given, results)
        for name, given in INPUTS.items()
    }


@pytest.mark.parametrize("name", INPUTS)
def test_aws_would_accept_every_call_with_the_values_of_an_execution(name, longest, paths):
    machine = definition_of(longest, name)
    tasks = {name for name, state in states(machine) if state["Type"] == "Task"}
    assert set(paths[name].calls) == tasks, "no path leads to some calls"
    assert faults(paths[name]) == []


def followed(machine: dict[str, Any], inputs: list[dict[str, Any]], results: Results) -> Paths:
    paths = Paths()
    for given in inputs:
        paths.follow(machine, given, results)
    return paths


def faults(paths: Paths) -> list[str]:
    found = list(paths.faults)
    for name, seen in paths.calls.items():
        for resource, arguments in seen:
            service, operation = operation_of(resource)
            refused = request_violations(service, operation, spelled(service, arguments))
            found += [f"{name}: {one}" for one in refused]
    return found


@pytest.mark.parametrize(
    ("state", "member", "wrong", "fault"),
    [
        # sixty-four characters with the numbers of the retries
        ("Drift", "ProcessingJobName", "{% 'lakecast-staging-nightly-' & $run & '-look-for-drift-"
         "once-more-' & $states.context.State.RetryCount %}", "less than or equal to 63"),
        ("Version", "ModelPackageName", "{% $packages %}", "has no value"),
        ("Publish failure", "Subject", "{% $why & '\n' %}", "regular expression pattern"),
        ("Forecast", "BatchStrategy", "{% 'Single' & 'Records' %}", "satisfy enum value set"),
        ("Lock", "TableName", "{% $uppercase( %}", "fails"),
    ],
)  # fmt: skip
def test_a_value_that_aws_would_refuse_is_found(longest, results, state, member, wrong, fault):
    machine = definition_of(longest, "nightly_machine")
    machine["States"][state]["Arguments"][member] = wrong
    found = faults(followed(machine, INPUTS["nightly_machine"], results))
    assert any(one.startswith(f"{state}: ") and fault in one for one in found), found


def test_a_call_that_no_path_reaches_is_missed(longest, results):
    machine = definition_of(longest, "nightly_machine")
    machine["States"]["Versions"]["Assign"]["version"] = 0
    paths = followed(machine, INPUTS["nightly_machine"], results)
    assert "Create model" not in paths.calls


@pytest.mark.parametrize("resource", RESULTS)
def test_aws_could_give_the_results_that_are_followed(resource, paths, results):
    seen = [
        arguments
        for one in paths.values()
        for calls in one.calls.values()
        for called, arguments in calls
        if called == resource
    ]
    assert seen, "no machine calls it"
    service, operation = operation_of(resource)
    operation = DESCRIPTIONS.get(resource, operation)
    if operation_model(service, operation).output_shape is None:
        assert RESULTS[resource](results, seen[0]) == [{}]
        return
    for arguments in seen[:20]:
        for result in RESULTS[resource](results, arguments):
            assert result_violations(service, operation, spelled(service, result)) == []


DESCRIPTIONS = {
    "glue:startJobRun.sync": "GetJobRun",
    "sagemaker:createProcessingJob.sync": "DescribeProcessingJob",
    "sagemaker:createTrainingJob.sync": "DescribeTrainingJob",
    "sagemaker:createTransformJob.sync": "DescribeTransformJob",
}
"""Operations whose result a task has that waits for a job."""


def definition_of(estate: Estate, name: str) -> dict[str, Any]:
    text = estate.resources("aws_sfn_state_machine")[name]["definition"]
    # Terraform inserts the address of the AWS image
    document: dict[str, Any] = json.loads(re.sub(r"\$\{[^}]*\}", "image", text))
    return document


def calls(estate: Estate) -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, state)
        for machine in estate.resources("aws_sfn_state_machine")
        for name, state in states(definition_of(estate, machine))
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
