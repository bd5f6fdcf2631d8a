"""The state machine that retrains, as Terraform says it."""

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
    # Terraform fills in the address of AWS's own image
    return json.loads(re.sub(r"\$\{[^}]*\}", "deepar-image", resource["definition"]))


def machines(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The machine, the branches of its parallel states and what its map states repeat."""
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


def test_every_state_can_be_reached_and_every_way_leads_on(machine):
    for one in machines(machine):
        reached, ahead = set(), {one["StartAt"]}
        while ahead:
            name = ahead.pop()
            reached.add(name)
            state = one["States"][name]
            following = targets(state)
            assert following or state.get("End") or state["Type"] == "Fail", name
            ahead |= following - reached
        assert reached == set(one["States"])


def test_every_call_is_made_again_when_a_service_fails_and_caught_when_it_fails_for_good(machine):
    branches = [b for s in machine["States"].values() for b in s.get("Branches", [])]
    caught_outside = {name for branch in branches for name in branch["States"]}
    for name, state in states(machine):
        if state["Type"] == "Task":
            assert any("Throttling" in e for r in state["Retry"] for e in r["ErrorEquals"]), name
            assert all(r["BackoffRate"] > 1 for r in state["Retry"]), name
        if state["Type"] in ("Task", "Parallel") and name not in caught_outside:
            assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name


def test_every_expression_is_one(machine):
    for text in strings(machine):
        assert "%{" not in text, "Terraform would take it for a directive"
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


def test_a_run_has_a_short_name_whoever_started_it(machine):
    expression = machine["States"]["Settings"]["Assign"]["run"]
    context = {"Execution": {"Name": LONGEST_RUN, "StartTime": "2026-11-21T10:45:26.000Z"}}

    def run(given: dict[str, str]) -> str:
        return evaluated(expression, states={"context": context, "input": given})

    assert run({}) == LONGEST_RUN
    assert run({"resume": "20261101-000000-beef"}) == "20261101-000000-beef"
    long = "0123456789abcdef-" * 4  # EventBridge's are
    context["Execution"]["Name"] = long
    assert run({}) == naming.run(long, datetime(2026, 11, 21, 10, 45, 26, tzinfo=UTC))


def test_its_role_may_do_what_it_calls_and_nothing_else(estate, machine):
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
    assert granted - of_any_machine == called | awaited | {"iam:PassRole"}


def actions(resource: str) -> set[str]:
    """IAM actions of an integration; with the job's end, those to wait for it and to stop it."""
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
    return found


def test_why_a_job_failed_is_told_in_the_jobs_own_words(machine):
    why = machine["States"]["Explain failure"]["Assign"]["why"]

    def told(cause: str) -> str:
        return evaluated(why, cause=cause, error="States.TaskFailed")

    job = {"TrainingJobName": "x", "FailureReason": "Customer Error: rounds must be at least 1"}
    assert told(json.dumps(job)) == "Customer Error: rounds must be at least 1"
    assert told(json.dumps({"ErrorMessage": "no readings"})) == "no readings"
    assert (
        told(json.dumps({"ExitMessage": "it lacks days", "FailureReason": "y"})) == "it lacks days"
    )
    assert told(json.dumps({"Nothing": 1})) == "States.TaskFailed"
    assert told("Rate exceeded") == "Rate exceeded"


def test_it_starts_by_its_schedule_and_by_drift(estate):
    schedule = estate.settings.retraining.schedule
    rules = estate.resources("aws_cloudwatch_event_rule")
    targets = estate.resources("aws_cloudwatch_event_target")
    assert targets["drift_rule_target"]["arn"].endswith(f":{estate.names.retrain_machine}")
    assert ("retrain_schedule_target" in targets) == (schedule is not None)
    if schedule is not None:
        assert rules["retrain_schedule"]["schedule_expression"] == schedule
        started = targets["retrain_schedule_target"]["arn"]
        assert started == estate.names.state_machine_arn(estate.names.retrain_machine)
