"""Step Functions in the local cloud: ministack's stores behind AWS's checks, and our own engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ministack.services import stepfunctions

from localcloud.cloud.aws_api import AwsError, Handler, JsonApi, Response
from localcloud.cloud.context import CloudContext
from localcloud.services.stepfunctions.executions import Executions
from localcloud.services.stepfunctions.integrations.integrations import Integrations
from localcloud.services.stepfunctions.machines import Machines
from localcloud.services.stepfunctions.members import classes


class StateMachines:
    """The service of one local cloud."""

    def __init__(self, context: CloudContext) -> None:
        self._executions = Executions(Integrations(context))
        machines = Machines(context.region, context.account_id, self._executions.stop_executions)
        self._handler = api(machines, self._executions)
        # targets of EventBridge and pipes start executions inside ministack
        stepfunctions._start_execution = self._start_execution

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {"states": self._handler}

    async def start(self) -> None:
        """Fails the executions that were running when the cloud last stopped."""
        self._executions.fail_interrupted()

    async def stop(self) -> None:
        """Leaves running executions to `start`, as their threads end with the process."""

    def _start_execution(self, request: dict[str, Any]) -> Response:
        try:
            answer = self._executions.start_execution(request)
        except AwsError as error:
            return error.response()
        return 200, {}, json.dumps(answer, allow_nan=False).encode()


def api(machines: Machines, executions: Executions) -> JsonApi:
    """Returns the handler of requests, which refuses members that would have no effect."""
    return JsonApi("stepfunctions", (machines, executions), check=classes().check)


def register(context: CloudContext) -> StateMachines:
    """Returns the service; its executions start with its handlers."""
    return StateMachines(context)
