"""The retraining state machine with the fragments of another workload."""

from __future__ import annotations

import pytest

from contracts.models.requests.parts import Instances, Owner
from contracts.models.requests.processing import ProcessingJob, processing_job
from contracts.names import Workload
from infra.modules.machines.retrain.definition import definition
from infra.modules.machines.retrain.inputs import Fragments, RetrainInputs, RunJob
from infra.modules.machines.retrain.run_jobs import job_name
from infra.modules.machines.states_language import Part, assignment
from localcloud.cloud.aws_shapes import request_violations
from tests.support.expressions import is_expression
from tests.unit.infra.machines.test_calls import operation_of, spelled
from tests.unit.infra.machines.test_retrain import evaluated, states, targets
from tests.unit.infra.test_stacks import Estate

LONGEST_RUN = "20261231-235959-abcd"


@pytest.fixture(scope="module")
def inputs(synthesised):
    estate = Estate(synthesised, "staging")
    return RetrainInputs(
        names=estate.names.of(Workload("diamonds")),
        training=estate.settings.forecast.training,
        retraining=estate.settings.forecast.retraining,
        images={"boosting": "image"},
        tags={"project": "lakecast"},
        instance_type="ml.m5.large",
    )


@pytest.fixture(scope="module")
def machine(inputs):
    def job(state: str, name: str, variable: str) -> RunJob:
        request = processing_job(
            ProcessingJob(job_name(inputs, name), "image", (name,), {"in": "s3://a/"}, {}),
            Owner.of(inputs.names, inputs.tags),
            Instances("ml.m5.large", 30, 3600),
        )
        return RunJob(state, "Processing", name, request, {variable: "$parse({}.ExitMessage)"})

    fragments = Fragments(
        prepare=lambda then: Part("Download", {"Download": assignment(then)}),
        hold_out=job("Hold out", "hold-out", "held_out"),
        channels={"train": "$place & 'train/'", "validation": "$place & 'validation/'"},
        questions=lambda model: f"$place & 'rows/{model}/'",
        environment={},
        judge=job("Judge", "judge", "verdict"),
        metadata={"rmse": "$string($verdict.rmse)"},
    )
    return definition(inputs, fragments)


def test_every_state_is_reachable_and_has_a_successor(machine):
    reached, pending = set(), {machine.definition["StartAt"]}
    while pending:
        name = pending.pop()
        reached.add(name)
        state = machine.definition["States"][name]
        assert targets(state) or state.get("End") or state["Type"] == "Fail", name
        pending |= targets(state) - reached
    assert reached == set(machine.definition["States"])
    assert "Download" in reached


def test_aws_would_accept_every_call(machine):
    for name, state in states(machine.definition):
        if state["Type"] == "Task":
            service, operation = operation_of(state["Resource"])
            found = request_violations(
                service, operation, spelled(service, state["Arguments"]), is_expression
            )
            assert found == [], f"{name}: {found}"


def test_its_names_differ_from_other_workloads(machine, inputs):
    jobs = [
        evaluated(
            state["Arguments"][member],
            run=LONGEST_RUN,
            attempt="0123",
            states={"context": {"State": {"RetryCount": 8}}},
        )
        for _, state in states(machine.definition)
        for member in ("ProcessingJobName", "TrainingJobName", "TransformJobName", "ModelName")
        if member in state.get("Arguments", {})
    ]
    assert all(one.startswith("lakecast-staging-diamonds-") and len(one) <= 63 for one in jobs)
    register = machine.definition["States"]["Register"]["Arguments"]
    assert register["ModelPackageGroupName"] == "lakecast-staging-diamonds"
    assert register["CustomerMetadataProperties"]["rmse"] == "{% $string($verdict.rmse) %}"


def test_its_role_has_no_access_to_another_workload(machine):
    for statement in machine.statements:
        for resource in statement.resources:
            if ":sagemaker:" in resource or ":execution:" in resource:
                assert "lakecast-staging-diamonds" in resource, statement.sid
