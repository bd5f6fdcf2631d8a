"""Executions of the state machine ``rollout``, started by a command or an approval change."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from contracts.names import Names
from forecasting.errors import ForecastingError
from forecasting.polling import final_state
from forecasting.releases import serving

START_PATIENCE = 60.0
"""Timeout in seconds for EventBridge to start an execution, which usually takes a few."""
_ENOUGH = 50
"""Number of newest executions to search."""


class Rollout:
    """The execution that `start` starts, or otherwise all executions that start from now on.

    Raises
    ------
    ForecastingError
        The state machine does not exist.
    """

    def __init__(
        self, session: Any, names: Names, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._session, self._names = session, names
        self._states = session.client("stepfunctions")
        self._machine = names.state_machine_arn(names.rollout_machine)
        self._sleep = sleep
        self._before = {one["executionArn"] for one in self._listed()}
        self._own: str | None = None

    def start(self, rejected: int = 0) -> None:
        """Starts an execution, if no change of approval starts one.

        Parameters
        ----------
        rejected
            Version whose rejection is processed again, as if its event were repeated.
        """
        detail = {"ModelApprovalStatus": "Rejected", "ModelPackageVersion": rejected}
        started = self._states.start_execution(
            stateMachineArn=self._machine,
            input=json.dumps({"detail": detail} if rejected else {}, allow_nan=False),
        )
        self._own = str(started["executionArn"])

    def follow(self, report: Callable[[str], None]) -> None:
        """Reports the endpoint's status until the executions have ended.

        The executions do not depend on this call.

        Raises
        ------
        ForecastingError
            No execution was started, or one failed; with its cause.
        KeyboardInterrupt
            The user pressed Ctrl-C; the message says what to do next.
        """
        slept = 0.0

        def sleep(seconds: float) -> None:
            nonlocal slept
            slept += seconds
            self._sleep(seconds)

        def ask() -> list[dict[str, Any]]:
            found = self._executions()
            if not found and slept >= START_PATIENCE:
                raise ForecastingError(
                    f"no rollout was started within {START_PATIENCE:.0f} s: see EventBridge's rule "
                    "and docs/runbooks/models.md"
                )
            if not _have_ended(found):
                report(serving.endpoint_status(self._session, self._names))
            return found

        ended = final_state(
            ask,
            _have_ended,
            sleep=sleep,
            left="the rollout goes on by itself; the same command follows it again",
        )
        for one in ended:
            if one["status"] != "SUCCEEDED":
                description = self._states.describe_execution(executionArn=one["executionArn"])
                cause = description.get("cause", "no cause given")
                raise ForecastingError(f"the rollout {one['status'].lower()}: {cause}")

    def _executions(self) -> list[dict[str, Any]]:
        if self._own is not None:
            return [self._states.describe_execution(executionArn=self._own)]
        return [one for one in self._listed() if one["executionArn"] not in self._before]

    def _listed(self) -> list[dict[str, Any]]:
        try:
            listed = self._states.list_executions(stateMachineArn=self._machine, maxResults=_ENOUGH)
        except ClientError as error:
            if error.response["Error"]["Code"] != "StateMachineDoesNotExist":
                raise
            raise ForecastingError(
                f"there is no state machine {self._machine}: run `make plan` and `make apply` first"
            ) from None
        found: list[dict[str, Any]] = listed["executions"]
        return found


def _have_ended(executions: list[dict[str, Any]]) -> bool:
    return bool(executions) and all(one["status"] != "RUNNING" for one in executions)
