"""Executions of state machines, and the callbacks of their tasks.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

from __future__ import annotations

import copy
import json
import random
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from ministack.services import stepfunctions

from localcloud.cloud.aws_api import AwsError
from localcloud.services.stepfunctions.engine import run as runs
from localcloud.services.stepfunctions.engine.errors import RUNTIME, StateError
from localcloud.services.stepfunctions.engine.run import RUNNING, Run
from localcloud.services.stepfunctions.engine.scope import Services, add_event, input_details, now
from localcloud.services.stepfunctions.requests import (
    Record,
    Request,
    check_arn,
    check_json,
    check_name,
    ministack,
    page,
)

_REDRIVABLE = ("FAILED", "TIMED_OUT", "ABORTED")
_REDRIVABLE_DAYS = 14
_MOST_REDRIVES = 1000
_HISTORY_EVENTS = 25_000
_END_EVENTS = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")


class Executions:
    """Operations on executions.

    Parameters
    ----------
    services
        Services that tasks call.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()

    def start_execution(self, request: Request) -> Record:
        machine, version = resolved(request["stateMachineArn"])
        name, given = request.get("name") or str(uuid.uuid4()), request.get("input", "{}")
        check_name(name)
        check_json(given, "InvalidExecutionInput", "Input")
        arn = machine["stateMachineArn"].replace(":stateMachine:", ":execution:") + f":{name}"
        with self._lock:
            existing = stepfunctions._executions.get(arn)
            if existing is not None:
                if existing["status"] == RUNNING and existing["input"] == given:
                    return _started(existing)
                raise AwsError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
            execution = _record(arn, name, given, machine, version)
            if ":" in request["stateMachineArn"].partition(":stateMachine:")[2]:
                execution |= _qualifier(request["stateMachineArn"], version)
            stepfunctions._executions[arn] = execution
        self._start(execution)  # not under the lock: the event of the start may start executions
        return _started(execution)

    def stop_execution(self, request: Request) -> Record:
        execution = _execution(request["executionArn"])
        error = None
        if "error" in request or "cause" in request:
            error = StateError(request.get("error", ""), request.get("cause"))
        run = self._runs.get(execution["executionArn"])
        if run is not None and run.end("ABORTED", error):
            return {"stopDate": _timestamp(execution["stopDate"])}
        if execution["status"] != "ABORTED":
            raise AwsError("ValidationException", "Execution is not running")
        return {"stopDate": _timestamp(execution["stopDate"])}

    def redrive_execution(self, request: Request) -> Record:
        """Resumes an execution at the state that failed.

        https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
        """
        execution = _execution(request["executionArn"])
        with self._lock:
            token = request.get("clientToken")
            if token is not None and token == execution.get("redriveToken"):
                return {"redriveDate": _timestamp(execution["redriveDate"])}
            _check_redrivable(execution)
            for member in ("error", "cause", "stopDate"):
                execution[member] = None
            execution.update(
                status=RUNNING,
                redriveCount=execution.get("redriveCount", 0) + 1,
                redriveDate=now(),
                redriveToken=token,
            )
            details = {"redriveCount": execution["redriveCount"]}
            after = add_event(execution, "ExecutionRedriven", len(execution["events"]), details)
        self._start(execution, after)
        return {"redriveDate": _timestamp(execution["redriveDate"])}

    def describe_execution(self, request: Request) -> Record:
        execution = _execution(request["executionArn"])
        status = execution["status"]
        reason = _why_not_redrivable(execution)
        redrive = (
            {"redriveStatus": "REDRIVABLE"}
            if reason is None
            else {
                "redriveStatus": "NOT_REDRIVABLE",
                "redriveStatusReason": reason,
            }
        )
        kept = ("executionArn", "stateMachineArn", "name", "input", "inputDetails", "output",
                "error", "cause", "stateMachineVersionArn", "stateMachineAliasArn")  # fmt: skip
        found = {member: execution[member] for member in kept if execution.get(member)}
        if "output" in found:
            found["outputDetails"] = {"included": True}
        times = ("startDate", "stopDate", "redriveDate")
        dates = {one: _timestamp(execution[one]) for one in times if execution.get(one)}
        count = execution.get("redriveCount", 0)
        return {**found, "status": status, **dates, "redriveCount": count, **redrive}

    def describe_state_machine_for_execution(self, request: Request) -> Record:
        execution = _execution(request["executionArn"])
        machine = stepfunctions._state_machines.get(execution["stateMachineArn"])
        if machine is None:
            arn = execution["stateMachineArn"]
            raise AwsError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return {
            "stateMachineArn": machine["stateMachineArn"],
            "name": machine["name"],
            "definition": execution["definition"],
            "roleArn": execution["roleArn"],
            "updateDate": _timestamp(execution["startDate"]),
            "loggingConfiguration": machine["loggingConfiguration"],
            "tracingConfiguration": machine.get("tracingConfiguration", {"enabled": False}),
            "encryptionConfiguration": execution["encryptionConfiguration"],
            "revisionId": execution["revisionId"],
        }

    def list_executions(self, request: Request) -> Record:
        if "stateMachineArn" not in request:
            raise AwsError("ValidationException", "Must provide a StateMachine ARN or MapRun ARN")
        arn = request["stateMachineArn"]
        machine, _ = resolved(arn)
        qualified = arn != machine["stateMachineArn"]
        found = []
        for one in stepfunctions._executions.values():
            own = (one.get("stateMachineVersionArn"), one.get("stateMachineAliasArn"))
            if one["stateMachineArn"] != machine["stateMachineArn"] or (
                qualified and arn not in own
            ):
                continue
            if request.get("statusFilter", one["status"]) != one["status"]:
                continue
            redriven = "REDRIVEN" if one.get("redriveCount", 0) else "NOT_REDRIVEN"
            if request.get("redriveFilter", redriven) == redriven:
                found.append(one)
        found.sort(key=lambda one: (one["startDate"], one["executionArn"]), reverse=True)
        kept = ("executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate",
                "redriveDate", "stateMachineVersionArn", "stateMachineAliasArn")  # fmt: skip
        listed = [
            {
                **{
                    member: _timestamp(one[member]) if member.endswith("Date") else one[member]
                    for member in kept
                    if one.get(member)
                },
                "redriveCount": one.get("redriveCount", 0),
            }
            for one in found
        ]
        return page(listed, request, "executions")

    def get_execution_history(self, request: Request) -> Record:
        _execution(request["executionArn"])
        return ministack(stepfunctions._get_execution_history, request)

    def list_map_runs(self, request: Request) -> Record:
        """Lists no Map Runs, which only distributed Map states have; those are refused."""
        _execution(request["executionArn"])
        return page([], request, "mapRuns")

    def start_sync_execution(self, request: Request) -> Record:
        """Refuses: only express machines run synchronously, and they are refused at creation."""
        resolved(request["stateMachineArn"])
        raise AwsError(
            "StateMachineTypeNotSupported",
            "This operation is not supported by this type of state machine",
        )

    def send_task_success(self, request: Request) -> Record:
        check_json(request["output"], "InvalidOutput", "Output")
        message = ("succeeded", json.loads(request["output"]))
        self._services.tokens.send(request["taskToken"], message)
        return {}

    def send_task_failure(self, request: Request) -> Record:
        error = StateError(request.get("error", ""), request.get("cause"))
        self._services.tokens.send(request["taskToken"], ("failed", error))
        return {}

    def send_task_heartbeat(self, request: Request) -> Record:
        self._services.tokens.send(request["taskToken"], ("heartbeat", None))
        return {}

    def stop_executions(self, machine: str) -> None:
        """Ends the running executions of a machine."""
        for arn, run in list(self._runs.items()):
            execution = stepfunctions._executions.get(arn)
            if execution is not None and execution["stateMachineArn"] == machine:
                run.end("ABORTED")

    def fail_interrupted(self) -> None:
        """Fails the executions that were running when the cloud last stopped."""
        for execution in list(stepfunctions._executions.values()):
            events = execution["events"]
            if not events or events[-1]["type"] not in _END_EVENTS:
                error = StateError(RUNTIME, "the local cloud was stopped during the execution")
                runs.finish(execution, "FAILED", len(events), error)

    def _start(self, execution: Record, after: int = 0) -> None:
        run = Run(execution, self._services, after)
        with self._lock:
            self._runs = {
                arn: one
                for arn, one in self._runs.items()
                if stepfunctions._executions.get(arn, {}).get("status") == RUNNING
            }
            self._runs[execution["executionArn"]] = run
        run.start()


def resolved(arn: str) -> tuple[Record, Record]:
    """Returns the machine of an ARN, and the version that runs: the machine itself without one.

    An alias chooses between its versions by their weights.
    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-alias.html
    """
    check_arn(arn)
    version = stepfunctions._state_machine_versions.get(arn)
    alias = stepfunctions._state_machine_aliases.get(arn)
    if alias is not None:
        routes = alias["routingConfiguration"]
        chosen = random.choices(routes, [route["weight"] for route in routes])[0]  # noqa: S311
        version = stepfunctions._state_machine_versions[chosen["stateMachineVersionArn"]]
    machine = stepfunctions._state_machines.get(version["stateMachineArn"] if version else arn)
    if machine is None:
        raise AwsError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
    return machine, version or machine


def _record(arn: str, name: str, given: str, machine: Record, version: Record) -> Record:
    """Returns a new execution, with the definition and the role that it keeps to its end."""
    started = now()
    return {
        "executionArn": arn,
        "stateMachineArn": machine["stateMachineArn"],
        "name": name,
        "status": RUNNING,
        "startDate": started,
        "stopDate": None,
        "input": given,
        "inputDetails": {"included": True},
        "output": None,
        "definition": version["definition"],
        "roleArn": version["roleArn"],
        "revisionId": version.get("revisionId") or version.get("stateMachineRevisionId", ""),
        "encryptionConfiguration": copy.deepcopy(
            version.get("encryptionConfiguration") or {"type": "AWS_OWNED_KEY"}
        ),
        "events": [
            {
                "id": 1,
                "type": "ExecutionStarted",
                "timestamp": started,
                "previousEventId": 0,
                "executionStartedEventDetails": {
                    **input_details(json.loads(given)),
                    "roleArn": version["roleArn"],
                },
            }
        ],
    }


def _qualifier(arn: str, version: Record) -> dict[str, str]:
    """Returns the members of an execution that name its version and its alias."""
    alias = {"stateMachineAliasArn": arn} if arn in stepfunctions._state_machine_aliases else {}
    return {"stateMachineVersionArn": version["stateMachineVersionArn"], **alias}


def _started(execution: Record) -> Record:
    return {
        "executionArn": execution["executionArn"],
        "startDate": _timestamp(execution["startDate"]),
    }


def _execution(arn: str) -> Record:
    check_arn(arn)
    found: Record | None = stepfunctions._executions.get(arn)
    if found is None:
        raise AwsError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    return found


def _timestamp(text: str) -> Any:
    return stepfunctions._timestamp_response_value(text)


def _check_redrivable(execution: Record) -> None:
    reason = _why_not_redrivable(execution)
    if reason is not None:
        raise AwsError("ExecutionNotRedrivable", reason)


def _why_not_redrivable(execution: Record) -> str | None:
    status = execution["status"]
    if status not in _REDRIVABLE:
        return f"Execution is {status} and cannot be redriven"
    stopped = datetime.fromisoformat(execution["stopDate"])
    if datetime.now(UTC) - stopped > timedelta(days=_REDRIVABLE_DAYS):
        return f"Execution has exceeded the redrivable period of {_REDRIVABLE_DAYS} days"
    if len(execution["events"]) >= _HISTORY_EVENTS - 1:
        return f"Execution has reached the limit of {_HISTORY_EVENTS} events"
    if execution.get("redriveCount", 0) >= _MOST_REDRIVES:
        return f"Execution has been redriven {_MOST_REDRIVES} times"
    if "resume" not in execution:
        return "Execution has not entered a state"
    states = json.loads(execution["definition"])["States"]
    kind = states[execution["resume"]["state"]]["Type"]
    if kind in ("Parallel", "Map"):
        return f"The local cloud does not redrive from inside a {kind} state"
    return None
