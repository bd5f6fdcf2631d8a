"""Executions of a state machine, started or followed."""

from __future__ import annotations

import json

import pytest
from forecasting.errors import ForecastingError
from forecasting.machines import executions

from contracts.names import Names

NAMES = Names("dev", "123456789012", "eu-west-1")


class Machine:
    """Step Functions whose executions have ended when they are looked at."""

    def __init__(self, *running: dict, status: str = "SUCCEEDED") -> None:
        self._inputs = dict(enumerate(running))
        self._status = status
        self.started = 0

    def client(self, service):
        assert service == "stepfunctions"
        return self

    def list_executions(self, stateMachineArn, statusFilter):
        return {"executions": [{"executionArn": str(one)} for one in self._inputs]}

    def start_execution(self, stateMachineArn, input):
        self.started += 1
        return {"executionArn": "new"}

    def describe_execution(self, executionArn):
        given = self._inputs.get(int(executionArn)) if executionArn.isdigit() else {}
        output = json.dumps({"execution": executionArn})
        return {"status": self._status, "input": json.dumps(given), "output": output}

    def get_execution_history(self, **_):
        return {"events": []}


def run(machine, given):
    return executions.run(machine, NAMES, NAMES.nightly_machine, given, lambda _: None)["execution"]


def test_an_execution_is_started_if_none_is_running():
    machine = Machine()
    assert (run(machine, {}), machine.started) == ("new", 1)


def test_a_running_execution_with_the_same_input_is_followed():
    machine = Machine({"only_drift": True}, {})
    assert (run(machine, {}), machine.started) == ("1", 0)


def test_an_execution_with_another_input_is_not_followed():
    machine = Machine({"read_arrivals": True})
    assert (run(machine, {}), machine.started) == ("new", 1)


def test_a_failure_is_reported_with_the_executions_cause():
    with pytest.raises(ForecastingError, match="failed at an unknown step"):
        run(Machine(status="FAILED"), {})
