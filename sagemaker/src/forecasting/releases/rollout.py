"""The rollout that a change of approval starts: the estate's state machine, watched to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from contracts.names import Names
from forecasting.errors import ForecastingError
from forecasting.releases import registry

POLL = 2.0
"""Seconds between two looks."""
START_PATIENCE = 60.0
"""Seconds until EventBridge must have started an execution; it takes a few."""
_ENOUGH = 50
"""Newest executions among which to look."""


class Rollout:
    """The executions of the state machine from now on.

    Raises
    ------
    ForecastingError
        There is no such machine.
    """

    def __init__(
        self, session: Any, names: Names, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._session, self._names = session, names
        self._states = session.client("stepfunctions")
        self._machine = names.state_machine_arn(names.rollout_machine)
        self._sleep = sleep
        self._before = {one["executionArn"] for one in self._executions()}

    def start(self) -> None:
        """Start one where no change of approval does."""
        self._states.start_execution(stateMachineArn=self._machine, input="{}")

    def follow(self, report: Callable[[str], None]) -> None:
        """Report the endpoint's status until all executions that were started since have ended.

        Raises
        ------
        ForecastingError
            None was started, or one failed, with what it says.
        """
        waited = 0.0
        while True:
            found = [one for one in self._executions() if one["executionArn"] not in self._before]
            if found and all(one["status"] != "RUNNING" for one in found):
                break
            if not found and waited >= START_PATIENCE:
                raise ForecastingError(
                    f"no rollout was started within {START_PATIENCE:.0f} s: see EventBridge's rule "
                    "and docs/runbooks/models.md"
                )
            report(registry.endpoint_status(self._session, self._names))
            self._sleep(POLL)
            waited += POLL
        for one in found:
            if one["status"] != "SUCCEEDED":
                ended = self._states.describe_execution(executionArn=one["executionArn"])
                raise ForecastingError(
                    f"the rollout {one['status'].lower()}: {ended.get('cause', 'no cause given')}"
                )

    def _executions(self) -> list[dict[str, Any]]:
        try:
            listed = self._states.list_executions(stateMachineArn=self._machine, maxResults=_ENOUGH)
        except ClientError as error:
            if error.response["Error"]["Code"] != "StateMachineDoesNotExist":
                raise
            raise ForecastingError(
                f"there is no state machine {self._machine}: say `make plan` and `make apply` first"
            ) from None
        found: list[dict[str, Any]] = listed["executions"]
        return found
