"""The retraining state machine in the synthesised Terraform."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jsonata
import pytest

from contracts.models import naming
from contracts.names import ENVIRONMENTS
from tests.support.expressions import evaluate
from tests.unit.infra.test_stacks import Estate

LONGEST_RUN = "20261231-235959-abcd"


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def estate(synthesised, request):
    return Estate(synthesised, request.param)


@pytest.fixture(scope="module")
def machine(estate):
    resource = estate.resources("aws_sfn_state_machine")["retrain_machine"]
    # Terraform inserts the address of the AWS image
    return json.loads(re.sub(r"\$\{[^}]*\}", "deepar-image", resource["definition"]))


def machines(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the machine, the branches of its parallel states and the bodies of its map states."""
    yield machine
    for state in machine["States"].values():
        inner = state.get("Branches", [])
        for one in [*inner, *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            yield from machines(one)


def states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in machines(machine):
        yield from one["States"].items()


def targets(state: dict[str, Any]) -> set[str]:
    nexts = [state, *state.get("Choices", []), *state.get("Catch", [])]
    found = {one["Next"] for one in nexts if "Next" in one}
    return found | ({state["Default"]} if "Default" in state else set())


def strings(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict | list):
        inside = document.values() if isinstance(document, dict) else document
        for one in inside:
            yield from strings(one)


def evaluated(expression: str, **variables: Any) -> Any:
    assert expression.startswith("{%")
    assert expression.endswith("%}")
    return evaluate(expression, **variables)


def test_every_state_is_reachable_and_has_a_successor(machine):
    for one in machines(machine):
        reached, pending = set(), {one["StartAt"]}
        while pending:
            name = pending.pop()
            reached.add(name)
            state = one["States"][name]
            following = targets(state)
            assert following or state.get("End") or state["Type"] == "Fail", name
            pending |= following - reached
        assert reached == set(one["States"])


def test_every_call_is_retried_on_service_errors_and_then_caught(machine):
    branches = [b for s in machine["States"].values() for b in s.get("Branches", [])]
    caught_outside = {name for branch in branches for name in branch["States"]}
    for name, state in states(machine):
        if state["Type"] == "Task":
            assert any("Throttling" in e for r in state["Retry"] for e in r["ErrorEquals"]), name
            assert all(r["BackoffRate"] > 1 for r in state["Retry"]), name
        if state["Type"] in ("Task", "Parallel") and name not in caught_outside:
            assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name


def test_every_expression_is_valid(machine):
    for text in strings(machine):
        assert "%{" not in text, "Terraform would read it as a directive"
        if text.startswith("{%"):
            jsonata.Jsonata.jsonata(text[2:-2].strip())


def test_names_of_jobs_and_models_are_short_enough(machine):
    members = ("ProcessingJobName", "TrainingJobName", "TransformJobName", "ModelName")
    names = [
        state["Arguments"][member]
        for _, state in states(machine)
        for member in members
        if member in state.get("Arguments", {})
    ]
    assert len(names) >= 7
    context = {"context": {"State": {"RetryCount": 8}}}
    for name in names:
        found = evaluated(name, run=LONGEST_RUN, attempt="0123", states=context)
        assert LONGEST_RUN in found
        assert len(found) <= 63, found


def test_a_run_has_a_short_name_for_every_trigger(machine):
    expression = machine["States"]["Settings"]["Assign"]["run"]
    context = {"Execution": {"Name": LONGEST_RUN, "StartTime": "2026-11-21T10:45:26.000Z"}}

    def run(given: dict[str, str]) -> str:
        return evaluated(expression, states={"context": context, "input": given})

    assert run({}) == LONGEST_RUN
    assert run({"resume": "20261101-000000-beef"}) == "20261101-000000-beef"
    long = "0123456789abcdef-" * 4  # the length of EventBridge's names
    context["Execution"]["Name"] = long
    assert run({}) == naming.run(long, datetime(2026, 11, 21, 10, 45, 26, tzinfo=UTC))


def test_its_role_permits_only_its_calls(estate, machine):
    called = set()
    for _, state in states(machine):
        if state["Type"] == "Task":
            called |= actions(state["Resource"])
        if "Tags" in state.get("Arguments", {}):
            called.add("sagemaker:AddTags")
    awaited = {"events:DescribeRule", "events:PutRule", "events:PutTargets"}
    policy = json.loads(
        estate.resources("aws_iam_role_policy")["retrain_machine_role_policy"]["policy"]
    )
    granted = {
        action
        for statement in policy["Statement"]
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    }
    of_any_machine = {a for a in granted if a.split(":")[0] in ("logs", "xray", "kms")}
    images = {"ecr:BatchGetImage", "ecr:DescribeImages"}  # of the version that is registered
    assert granted - of_any_machine == called | awaited | images | {"iam:PassRole"}


def actions(resource: str) -> set[str]:
    """Returns the IAM actions of an integration; ``.sync`` adds waiting and stopping."""
    name = resource.removeprefix("arn:aws:states:::").removeprefix("aws-sdk:")
    service, operation = name.removesuffix(".sync").split(":")
    service = {"sfn": "states"}.get(service, service)
    verb = operation[0].upper() + operation[1:]
    found = {f"{service}:{verb}"}
    if name == "glue:startJobRun.sync":
        found |= {"glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"}
    elif name.endswith(".sync"):
        job = verb.removeprefix("Create")
        found |= {f"{service}:{what}{job}" for what in ("Describe", "Stop")}
        found.add(f"{service}:ListTags")
    return found


def test_the_cause_of_a_failed_job_is_its_own_message(machine):
    why = machine["States"]["Explain failure"]["Assign"]["why"]

    def cause_of(cause: str) -> str:
        return evaluated(why, cause=cause, error="States.TaskFailed")

    job = {"TrainingJobName": "x", "FailureReason": "Customer Error: rounds must be at least 1"}
    assert cause_of(json.dumps(job)) == "Customer Error: rounds must be at least 1"
    assert cause_of(json.dumps({"ErrorMessage": "no readings"})) == "no readings"
    assert (
        cause_of(json.dumps({"ExitMessage": "it lacks days", "FailureReason": "y"}))
        == "it lacks days"
    )
    assert cause_of(json.dumps({"Nothing": 1})) == "States.TaskFailed"
    assert cause_of("Rate exceeded") == "Rate exceeded"


def test_its_schedule_and_drift_start_it(estate):
    schedule = estate.settings.forecast.retraining.schedule
    rules = estate.resources("aws_cloudwatch_event_rule")
    targets = estate.resources("aws_cloudwatch_event_target")
    assert targets["drift_rule_target"]["arn"].endswith(f":{estate.names.retrain_machine}")
    assert ("retrain_schedule_target" in targets) == (schedule is not None)
    if schedule is not None:
        assert rules["retrain_schedule"]["schedule_expression"] == schedule
        started = targets["retrain_schedule_target"]["arn"]
        assert started == estate.names.state_machine_arn(estate.names.retrain_machine)
