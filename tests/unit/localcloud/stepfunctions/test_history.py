"""Histories of executions have the events, the details and the order of AWS's."""

from __future__ import annotations

import json
import threading

import pytest

from localcloud.services.stepfunctions.engine.errors import StateError
from tests.unit.localcloud.stepfunctions.machine_room import GLUE, jsonata, machine, room

TASK = {"Type": "Task", "Resource": GLUE, "Parameters": {"JobName": "etl"}, "End": True}


def test_a_task_is_scheduled_and_started_before_it_succeeds():
    with room(lambda _task: {"JobRunId": "jr_1"}) as states:
        found = states.run(machine(Run={**TASK, "TimeoutSeconds": 60}))
        events = states.events(found["executionArn"])
        assert states.order(found["executionArn"]) == [
            (1, 0, "ExecutionStarted"),
            (2, 0, "TaskStateEntered"),
            (3, 2, "TaskScheduled"),
            (4, 3, "TaskStarted"),
            (5, 4, "TaskSucceeded"),
            (6, 5, "TaskStateExited"),
            (7, 6, "ExecutionSucceeded"),
        ]
    assert events[2]["taskScheduledEventDetails"] == {
        "resourceType": "glue",
        "resource": "startJobRun",
        "region": "us-east-1",
        "parameters": '{"JobName":"etl"}',
        "timeoutInSeconds": 60,
    }
    assert json.loads(events[4]["taskSucceededEventDetails"]["output"]) == {"JobRunId": "jr_1"}


def test_a_job_is_submitted_before_the_task_succeeds():
    def answer(task):
        task.submitted({"JobRunId": "jr_1"})
        return {"JobRunState": "SUCCEEDED"}

    with room(answer) as states:
        found = states.run(machine(Run={**TASK, "Resource": f"{GLUE}.sync"}))
        kinds = [kind for _, _, kind in states.order(found["executionArn"])]
        submitted = states.events(found["executionArn"])[4]["taskSubmittedEventDetails"]
    assert kinds[3:6] == ["TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    assert (submitted["resource"], submitted["resourceType"]) == ("startJobRun.sync", "glue")


def test_iterations_that_run_one_at_a_time_follow_each_other():
    inner = {"StartAt": "Same", "States": {"Same": {"Type": "Pass", "End": True}}}
    each = {"Type": "Map", "ItemProcessor": inner, "MaxConcurrency": 1, "End": True}
    with room() as states:
        found = states.run(machine(Each=each), ["a", "b"])
        assert states.order(found["executionArn"]) == [
            (1, 0, "ExecutionStarted"),
            (2, 0, "MapStateEntered"),
            (3, 2, "MapStateStarted"),
            (4, 3, "MapIterationStarted"),
            (5, 4, "PassStateEntered"),
            (6, 5, "PassStateExited"),
            (7, 6, "MapIterationSucceeded"),
            (8, 6, "MapIterationStarted"),
            (9, 8, "PassStateEntered"),
            (10, 9, "PassStateExited"),
            (11, 10, "MapIterationSucceeded"),
            (12, 10, "MapStateSucceeded"),
            (13, 10, "MapStateExited"),
            (14, 13, "ExecutionSucceeded"),
        ]
        events = states.events(found["executionArn"])
    assert events[2]["mapStateStartedEventDetails"] == {"length": 2}
    assert events[7]["mapIterationStartedEventDetails"] == {"name": "Each", "index": 1}


def test_branches_follow_the_start_of_their_state_and_fail_it_together():
    waiting = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}
    failing = {"StartAt": "Fail", "States": {"Fail": {"Type": "Fail", "Error": "Bad"}}}
    with room() as states:
        both = {"Type": "Parallel", "Branches": [waiting, failing], "End": True}
        found = states.run(machine(Both=both))
        order = states.order(found["executionArn"])
    assert (found["status"], found["error"]) == ("FAILED", "Bad")
    assert (3, 2, "ParallelStateStarted") in order
    entered = {kind: before for _, before, kind in order if kind.endswith("StateEntered")}
    assert entered == {"ParallelStateEntered": 0, "WaitStateEntered": 3, "FailStateEntered": 3}
    (failed,) = [number for number, _, kind in order if kind == "FailStateEntered"]
    assert [(before, kind) for _, before, kind in order[-3:]] == [
        (failed, "WaitStateAborted"),
        (failed, "ParallelStateFailed"),
        (order[-2][0], "ExecutionFailed"),
    ]


def test_a_failed_call_shows_its_error_and_what_was_caught():
    def answer(_task):
        raise StateError("Glue.EntityNotFoundException", "no such job")

    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Done", "ResultPath": "$.error"}]
    with room(answer) as states:
        task = {**TASK, "Catch": catch}
        found = states.run(machine(Run=task, Done={"Type": "Pass", "End": True}), {"a": 1})
        failed = states.events(found["executionArn"])[4]
    assert failed["type"] == "TaskFailed"
    assert failed["taskFailedEventDetails"]["error"] == "Glue.EntityNotFoundException"
    error = {"Error": "Glue.EntityNotFoundException", "Cause": "no such job"}
    assert json.loads(found["output"]) == {"a": 1, "error": error}


@pytest.mark.parametrize("patience", ["TimeoutSeconds", "HeartbeatSeconds"])
def test_a_task_without_a_result_in_time_has_timed_out(patience):
    over = threading.Event()

    def answer(task):
        while not task.is_over():
            over.wait(0.05)
        over.set()

    with room(answer) as states:
        found = states.run(machine(Run={**TASK, patience: 1}))
        kinds = [kind for _, _, kind in states.order(found["executionArn"])]
        assert over.wait(5), "the call was not told that its task is over"
    assert found["error"] == "States.Timeout"
    assert kinds[-2:] == ["TaskTimedOut", "ExecutionFailed"]


def test_the_timeout_of_the_machine_ends_the_execution():
    waits = machine(Wait={"Type": "Wait", "Seconds": 60, "End": True})
    with room() as states:
        found = states.run({**waits, "TimeoutSeconds": 1})
        last = states.events(found["executionArn"])[-1]
    assert found["status"] == "TIMED_OUT"
    assert "error" not in found  # as AWS describes it
    assert (last["type"], last["previousEventId"]) == ("ExecutionTimedOut", 0)


def test_a_failed_expression_has_an_event_of_its_own():
    with room() as states:
        found = states.run(jsonata(Bad={"Type": "Pass", "Output": "{% $nothing %}", "End": True}))
        order = states.order(found["executionArn"])
    assert found["error"] == "States.QueryEvaluationError"
    assert [kind for _, _, kind in order][-2:] == ["EvaluationFailed", "ExecutionFailed"]


def test_a_redriven_execution_goes_on_at_the_state_that_failed():
    answers = iter([StateError("Glue.InternalServiceException", "later"), {"ok": True}])

    def answer(_task):
        one = next(answers)
        if isinstance(one, StateError):
            raise one
        return one

    first = {"Type": "Pass", "Assign": {"kept": "{% 1 + 1 %}"}, "Next": "Run"}
    task = {"Type": "Task", "Resource": GLUE, "Arguments": {"JobName": "etl"}, "End": True,
            "Output": "{% $kept %}"}  # fmt: skip
    with room(answer) as states:
        found = states.run(jsonata(First=first, Run=task), {})
        assert (found["status"], found["redriveStatus"]) == ("FAILED", "REDRIVABLE")
        execution = {"executionArn": found["executionArn"]}
        states.states.redrive_execution({**execution, "clientToken": "once"})
        states.states.redrive_execution({**execution, "clientToken": "once"})
        found = states.ended(found["executionArn"])
        kinds = [kind for _, _, kind in states.order(found["executionArn"])]
        with pytest.raises(Exception, match="SUCCEEDED and cannot be redriven"):
            states.states.redrive_execution(execution)
    assert (found["status"], found["output"], found["redriveCount"]) == ("SUCCEEDED", "2", 1)
    assert kinds.count("PassStateEntered") == 1
    assert kinds[kinds.index("ExecutionRedriven") + 1] == "TaskStateEntered"


def test_an_execution_keeps_the_definition_with_which_it_started():
    waits = machine(
        Wait={"Type": "Wait", "Seconds": 1, "Next": "Old"}, Old={"Type": "Pass", "End": True}
    )
    with room() as states:
        arn = states.create(waits)
        execution = states.start(arn)
        new = json.dumps(machine(New={"Type": "Fail"}))
        states.states.update_state_machine({"stateMachineArn": arn, "definition": new})
        assert states.ended(execution)["status"] == "SUCCEEDED"
        assert states.ended(states.start(arn))["status"] == "FAILED"


def test_a_callback_ends_the_task_of_its_token():
    sent = threading.Event()
    tokens = []

    def answer(task):
        tokens.append(task.arguments["MessageBody"])
        sent.set()
        return {"MessageId": "1"}

    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"},
        "End": True,
    }
    with room(answer) as states:
        execution = states.start(states.create(machine(Ask=task)))
        assert sent.wait(5)
        token = {"taskToken": tokens[0]}
        with pytest.raises(Exception, match="Invalid"):
            states.states.send_task_success({**token, "output": "{"})
        states.states.send_task_heartbeat(token)
        states.states.send_task_success({**token, "output": '{"yes":true}'})
        assert json.loads(states.ended(execution)["output"]) == {"yes": True}
        with pytest.raises(Exception, match="does not exist anymore"):
            states.states.send_task_success({**token, "output": "1"})


def test_a_result_that_is_too_large_fails_the_task_and_can_be_caught():
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Done", "ResultPath": "$.error"}]
    with room(lambda _task: "é" * 130_000 + "x" * 3000) as states:
        found = states.run(machine(Run={**TASK, "Catch": catch}, Done={"Type": "Succeed"}), {})
        kinds = [kind for _, _, kind in states.order(found["executionArn"])]
    assert kinds[3:6] == ["TaskStarted", "TaskFailed", "TaskStateExited"]
    error = json.loads(found["output"])["error"]
    assert error["Error"] == "States.DataLimitExceeded"
    assert error["Cause"].startswith("The state/task 'glue' returned a result with a size")


def test_an_error_of_step_functions_itself_says_where_the_state_was_entered():
    with room() as states:
        found = states.run(machine(Wait={"Type": "Wait", "TimestampPath": "$.at", "End": True}), {})
    assert found["cause"].startswith(
        "An error occurred while executing the state 'Wait' (entered at the event id #2). "
    )
