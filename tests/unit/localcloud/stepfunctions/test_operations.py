"""Operations of Step Functions refuse what AWS refuses."""

from __future__ import annotations

import json

import pytest
from botocore import xform_name

from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.aws_shapes import service_model
from localcloud.services.stepfunctions.members import classes
from tests.unit.localcloud.stepfunctions.machine_room import DONE, ROLE, machine, room

WAITS = machine(Wait={"Type": "Wait", "Seconds": 60, "End": True})
MODEL = service_model("stepfunctions")


@pytest.fixture(scope="module")
def states():
    with room() as opened:
        yield opened


def refused(call, request):
    with pytest.raises(AwsError) as error:
        call(request)
    return error.value


def test_every_operation_that_is_served_has_a_table_of_its_members(states):
    served = [name for name in MODEL.operation_names if hasattr(states.states, xform_name(name))]
    assert served == sorted(classes().tables)


@pytest.mark.parametrize("name", ["a b", "a/b", "a:b", "a\u0007", "{a}", "a*", "a,b", "\U0010ffff"])
def test_names_that_aws_refuses(states, name):
    request = {"name": name, "definition": json.dumps(DONE), "roleArn": ROLE}
    assert refused(states.states.create_state_machine, request).code == "InvalidName"
    started = {"stateMachineArn": states.create(DONE), "name": name}
    assert refused(states.states.start_execution, started).code == "InvalidName"


@pytest.mark.parametrize("text", ["", "not", "{'a': 1}", '{"a": NaN}', '{"a": 1e400}'])
def test_inputs_that_are_not_json(states, text):
    request = {"stateMachineArn": states.create(DONE), "input": text}
    assert refused(states.states.start_execution, request).code == "InvalidExecutionInput"


def test_a_definition_with_faults_is_refused_with_all_of_them(states):
    faulty = json.dumps(machine(A={"Type": "Pass"}, B={"Type": "Succeed"}))
    request = {"name": "faulty", "definition": faulty, "roleArn": ROLE}
    error = refused(states.states.create_state_machine, request)
    assert error.code == "InvalidDefinition"
    assert error.message.startswith("Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: ")
    assert "/States/A" in error.message
    assert "/States/B" in error.message
    update = {"stateMachineArn": states.create(DONE), "definition": faulty}
    assert refused(states.states.update_state_machine, update).code == "InvalidDefinition"
    found = states.states.validate_state_machine_definition({"definition": faulty, "maxResults": 1})
    assert (found["result"], found["truncated"]) == ("FAIL", True)
    assert found["diagnostics"][0]["location"] == "/States/A"
    found = states.states.validate_state_machine_definition({"definition": json.dumps(DONE)})
    assert found == {"result": "OK", "diagnostics": [], "truncated": False}


def test_a_start_is_idempotent_while_the_execution_runs(states):
    arn = states.create(WAITS, name="waits")
    request = {"stateMachineArn": arn, "name": "one", "input": '{"a":1}'}
    first = states.states.start_execution(request)
    assert states.states.start_execution(request) == first
    other = {**request, "input": '{"a":2}'}
    assert refused(states.states.start_execution, other).code == "ExecutionAlreadyExists"
    states.states.stop_execution({"executionArn": first["executionArn"], "error": "Enough"})
    found = states.ended(first["executionArn"])
    assert (found["status"], found["error"]) == ("ABORTED", "Enough")
    assert refused(states.states.start_execution, request).code == "ExecutionAlreadyExists"


def test_a_role_that_step_functions_cannot_assume_is_refused(states):
    request = {"name": "poor", "definition": json.dumps(DONE), "roleArn": f"{ROLE}-of-nobody"}
    assert refused(states.states.create_state_machine, request).code == "AccessDeniedException"


@pytest.mark.parametrize(
    "logging",
    [
        {"level": "ALL"},
        {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "arn"}}]},
    ],
)
def test_a_log_that_does_not_exist_is_refused(states, logging):
    request = {"name": "logged", "definition": json.dumps(DONE), "roleArn": ROLE}
    error = refused(
        states.states.create_state_machine, {**request, "loggingConfiguration": logging}
    )
    assert error.code == "InvalidLoggingConfiguration"


def test_a_machine_keeps_its_tracing_and_logging_and_names_its_revision(states):
    arn = states.create(DONE, name="traced", tracingConfiguration={"enabled": True})
    request = {"stateMachineArn": arn}
    updated = states.states.update_state_machine({**request, "definition": json.dumps(WAITS)})
    found = states.states.describe_state_machine(request)
    assert found["tracingConfiguration"] == {"enabled": True}
    assert found["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    assert found["revisionId"] == updated["revisionId"]
    assert refused(states.states.update_state_machine, request).code == "MissingRequiredParameter"


def test_a_version_runs_its_own_definition_and_an_alias_its_version(states):
    arn = states.create(DONE, name="versioned", publish=True, versionDescription="first")
    fails = json.dumps(machine(No={"Type": "Fail", "Error": "New"}))
    update = {"stateMachineArn": arn, "definition": fails, "publish": True}
    second = states.states.update_state_machine(update)["stateMachineVersionArn"]
    alias = states.states.create_state_machine_alias(
        {
            "name": "live",
            "routingConfiguration": [{"stateMachineVersionArn": f"{arn}:1", "weight": 100}],
        }
    )["stateMachineAliasArn"]
    by_alias = states.ended(states.start(alias))
    assert (by_alias["status"], by_alias["stateMachineAliasArn"]) == ("SUCCEEDED", alias)
    assert by_alias["stateMachineVersionArn"] == f"{arn}:1"
    assert states.ended(states.start(second))["error"] == "New"
    listed = states.states.list_executions({"stateMachineArn": alias})["executions"]
    assert [one["executionArn"] for one in listed] == [by_alias["executionArn"]]
    again = states.states.publish_state_machine_version({"stateMachineArn": arn})
    assert again["stateMachineVersionArn"] == second
    stale = {"stateMachineArn": arn, "revisionId": "older"}
    refusal = refused(states.states.publish_state_machine_version, stale)
    assert refusal.code == "ConflictException"
    unpublished = {"stateMachineArn": arn, "definition": fails, "versionDescription": "x"}
    assert refused(states.states.update_state_machine, unpublished).code == "ValidationException"
    versions = states.states.list_state_machine_versions({"stateMachineArn": arn, "maxResults": 1})
    assert len(versions["stateMachineVersions"]) == 1
    rest = {"stateMachineArn": arn, "nextToken": versions["nextToken"]}
    assert "nextToken" not in states.states.list_state_machine_versions(rest)


def test_lists_are_paged_and_refuse_foreign_tokens(states):
    arn = states.create(DONE, name="listed")
    executions = {states.start(arn, name=f"e{number}") for number in range(3)}
    seen, request = set(), {"stateMachineArn": arn, "maxResults": 2}
    while True:
        found = states.states.list_executions(request)
        assert len(found["executions"]) <= 2
        seen |= {one["executionArn"] for one in found["executions"]}
        if "nextToken" not in found:
            break
        request["nextToken"] = found["nextToken"]
    assert seen == executions
    for call in (states.states.list_executions, states.states.list_state_machines):
        assert refused(call, {"stateMachineArn": arn, "nextToken": "mine"}).code == "InvalidToken"


def test_what_does_not_exist(states):
    arn = states.create(DONE, name="gone")
    assert states.states.delete_state_machine({"stateMachineArn": arn}) == {}
    assert states.states.delete_state_machine({"stateMachineArn": arn}) == {}
    gone = {"stateMachineArn": arn}
    for call in (states.states.start_execution, states.states.list_executions):
        assert refused(call, gone).code == "StateMachineDoesNotExist"
    execution = {"executionArn": arn.replace(":stateMachine:", ":execution:") + ":x"}
    assert refused(states.states.describe_execution, execution).code == "ExecutionDoesNotExist"
    assert refused(states.states.describe_execution, {"executionArn": "x"}).code == "InvalidArn"
    tagged = {"resourceArn": arn}
    assert refused(states.states.list_tags_for_resource, tagged).code == "ResourceNotFound"
