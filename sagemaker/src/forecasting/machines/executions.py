"""Executions of the estate's state machines: started, followed, and what came of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from contracts.names import Names
from forecasting.errors import ForecastingError
from forecasting.polling import final_state


@contextmanager
def machine_expected(machine: str) -> Iterator[None]:
    """Say what to do where there is no such state machine.

    Raises
    ------
    ForecastingError
        There is none.
    """
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "StateMachineDoesNotExist":
            raise
        raise ForecastingError(
            f"no state machine {machine}: say `make plan` and `make apply` first"
        ) from None


def run(
    session: Any,
    names: Names,
    machine: str,
    given: Mapping[str, Any],
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Start a state machine and follow it to its end; one that is under way is followed.

    Parameters
    ----------
    given
        The execution's input; one that is under way must have the same to be followed.
    report
        Told the name of the state that is worked on.

    Returns
    -------
    The execution's output.

    Raises
    ------
    ForecastingError
        There is no such machine, or the execution did not succeed; with its own words.
    """
    states = session.client("stepfunctions")
    with machine_expected(machine):
        arn = names.state_machine_arn(machine)
        started = _under_way(states, arn, given) or str(
            states.start_execution(stateMachineArn=arn, input=json.dumps(given))["executionArn"]
        )
    found = final_state(
        lambda: states.describe_execution(executionArn=started),
        lambda told: told["status"] != "RUNNING",
        lambda _: report(_current_state(states, started)),
        left=f"{started} goes on by itself; the same command follows it again",
    )
    if found["status"] != "SUCCEEDED":
        raise ForecastingError(
            f"{machine} {found['status'].lower()} at {found.get('error', 'an unknown step')}: "
            f"{found.get('cause', 'no reason was given')} (execution {started})"
        )
    output: dict[str, Any] = json.loads(found["output"])
    return output


def _under_way(states: Any, machine: str, given: Mapping[str, Any]) -> str | None:
    """Execution that runs with the same input, if there is one."""
    running = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
    for one in running:
        found = states.describe_execution(executionArn=one["executionArn"])
        if json.loads(found["input"]) == dict(given):
            return str(one["executionArn"])
    return None


def _current_state(states: Any, execution: str) -> str:
    newest = states.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=20)[
        "events"
    ]
    for event in newest:
        if "stateEnteredEventDetails" in event:
            return str(event["stateEnteredEventDetails"]["name"])
    return "Starting"
