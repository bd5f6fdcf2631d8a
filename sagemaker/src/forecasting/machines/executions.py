"""Starts executions of the estate's state machines, follows them and returns their output."""

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
    """Replaces the error for a missing state machine by one that says what to do.

    Raises
    ------
    ForecastingError
        The state machine does not exist.
    """
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "StateMachineDoesNotExist":
            raise
        raise ForecastingError(
            f"no state machine {machine}: run `make plan` and `make apply` first"
        ) from None


def run(
    session: Any,
    names: Names,
    machine: str,
    given: Mapping[str, Any],
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Starts a state machine, or finds a running execution with the same input, and follows it.

    Parameters
    ----------
    given
        The execution's input.
    report
        Callback that receives the name of the current state.

    Returns
    -------
    The execution's output.

    Raises
    ------
    ForecastingError
        The state machine does not exist, or the execution did not succeed; with its own message.
    """
    states = session.client("stepfunctions")
    with machine_expected(machine):
        arn = names.state_machine_arn(machine)
        started = _under_way(states, arn, given) or str(
            states.start_execution(stateMachineArn=arn, input=json.dumps(given, allow_nan=False))[
                "executionArn"
            ]
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
    """Returns a running execution with the same input, or None."""
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
