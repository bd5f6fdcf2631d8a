"""Runs definitions in the engine with services that the test gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ministack.services import iam, stepfunctions

from localcloud.services.stepfunctions.engine.tokens import Tokens
from localcloud.services.stepfunctions.executions import Executions
from localcloud.services.stepfunctions.machines import Machines
from tests.support.waiting import until

REGION, ACCOUNT = "us-east-1", "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/machine"
GLUE = "arn:aws:states:::glue:startJobRun"
DONE = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}


class _Operations:
    """The operations of several objects."""

    def __init__(self, *families: object) -> None:
        self._families = families

    def __getattr__(self, name: str) -> Any:
        for family in self._families:
            if hasattr(family, name):
                return getattr(family, name)
        raise AttributeError(name)


class Room:
    """The operations of Step Functions on an empty account."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self.tokens = Tokens()
        self.call = answer
        executions = Executions(self)
        machines = Machines(REGION, ACCOUNT, executions.stop_executions)
        self.states: Any = _Operations(machines, executions)

    def create(self, definition: Any, name: str = "machine", **members: Any) -> str:
        text = definition if isinstance(definition, str) else json.dumps(definition)
        request = {"name": name, "definition": text, "roleArn": ROLE, **members}
        return str(self.states.create_state_machine(request)["stateMachineArn"])

    def start(self, machine: str, given: Any = None, **members: Any) -> str:
        request = {"stateMachineArn": machine, "input": json.dumps(given), **members}
        return str(self.states.start_execution(request)["executionArn"])

    def ended(self, execution: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            one: dict[str, Any] = self.states.describe_execution({"executionArn": execution})
            return one if one["status"] != "RUNNING" else None

        return until(found, "the end of the execution")

    def run(self, definition: Any, given: Any = None) -> dict[str, Any]:
        """Returns the description of an execution that has ended."""
        arn = self.create(definition, name=f"m{len(stepfunctions._state_machines)}")
        return self.ended(self.start(arn, given))

    def events(self, execution: str) -> list[dict[str, Any]]:
        found = self.states.get_execution_history({"executionArn": execution, "maxResults": 1000})
        events: list[dict[str, Any]] = found["events"]
        return events

    def order(self, execution: str) -> list[tuple[int, int, str]]:
        """Returns the numbers, the previous numbers and the types of all events."""
        return [(one["id"], one["previousEventId"], one["type"]) for one in self.events(execution)]


@contextmanager
def room(answer: Callable[[Any], Any] = lambda task: task.arguments) -> Iterator[Room]:
    """Opens a room with a role that Step Functions may assume, and empties it at the end."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "states.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    iam._roles["machine"] = {
        "RoleName": "machine",
        "Arn": ROLE,
        "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    }
    opened = Room(answer)
    try:
        yield opened
    finally:
        for machine in list(stepfunctions._state_machines):
            opened.states.delete_state_machine({"stateMachineArn": machine})
        stepfunctions.reset()
        iam._roles.pop("machine", None)


def machine(**states: Any) -> dict[str, Any]:
    """Returns a definition that starts at the first state."""
    return {"StartAt": next(iter(states)), "States": states}


def jsonata(**states: Any) -> dict[str, Any]:
    """Returns a definition in JSONata that starts at the first state."""
    return {"QueryLanguage": "JSONata", **machine(**states)}
