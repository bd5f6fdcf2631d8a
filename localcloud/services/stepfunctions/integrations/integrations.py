"""Calls services for tasks, with the role of their state machine.

A task calls a service with the state machine's role, so a missing permission fails here as on AWS.
With ``.sync``, a task waits for its job to end; stopping the execution stops the job.
https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from contracts.json_text import parsed
from localcloud.cloud.context import CloudContext
from localcloud.services.iam import roles
from localcloud.services.stepfunctions.engine.errors import RUNTIME, StateError, Stopped
from localcloud.services.stepfunctions.engine.tasks import CALLBACK, FUNCTION, Resource, Task
from localcloud.services.stepfunctions.engine.tokens import Tokens
from localcloud.services.stepfunctions.integrations import services, spelling
from localcloud.services.stepfunctions.integrations.jobs import JOBS, Job
from localcloud.services.stepfunctions.integrations.services import Called

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
_PRINCIPAL = "states.amazonaws.com"
_TASK_FAILED = "States.TaskFailed"
_INVOKE = Resource("", "lambda", "invoke")

PATTERNS: Mapping[str, frozenset[str]] = {
    "athena:getQueryExecution": frozenset({""}),
    "athena:getQueryResults": frozenset({""}),
    "athena:startQueryExecution": frozenset({"", "sync"}),
    "athena:stopQueryExecution": frozenset({""}),
    "dynamodb:deleteItem": frozenset({""}),
    "dynamodb:getItem": frozenset({""}),
    "dynamodb:putItem": frozenset({""}),
    "dynamodb:updateItem": frozenset({""}),
    "events:putEvents": frozenset({"", CALLBACK}),
    "glue:startJobRun": frozenset({"", "sync"}),
    "lambda:invoke": frozenset({"", CALLBACK}),
    "sagemaker:createEndpoint": frozenset({""}),
    "sagemaker:createEndpointConfig": frozenset({""}),
    "sagemaker:createHyperParameterTuningJob": frozenset({"", "sync"}),
    "sagemaker:createModel": frozenset({""}),
    "sagemaker:createProcessingJob": frozenset({"", "sync"}),
    "sagemaker:createTrainingJob": frozenset({"", "sync"}),
    "sagemaker:createTransformJob": frozenset({"", "sync"}),
    "sagemaker:updateEndpoint": frozenset({""}),
    "sns:publish": frozenset({"", CALLBACK}),
    "sqs:sendMessage": frozenset({"", CALLBACK}),
    "states:startExecution": frozenset({"", "sync", "sync:2", CALLBACK}),
}
"""Optimised integrations that the local cloud serves, with their patterns.

https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
"""


def check(arn: str) -> None:
    """Checks that the local cloud can call a resource, or raises ValueError."""
    resource = Resource.parse(arn)
    if resource.service == FUNCTION:
        return
    service = services.called(resource.service)
    if resource.service.startswith(services.SDK):
        known = services.SDK_SERVICES
        if service is None:
            raise ValueError(
                f"The resource provided {arn} is not recognized: the local cloud calls "
                f"{', '.join(known)} by aws-sdk"
            )
        if service.operation(resource.action) is None or resource.pattern not in ("", CALLBACK):
            raise ValueError(f"The resource provided {arn} is not recognized.")
        return
    patterns = PATTERNS.get(f"{resource.service}:{resource.action}")
    if patterns is None or resource.pattern not in patterns:
        raise ValueError(
            f"The resource provided {arn} is not recognized: the local cloud serves "
            f"{', '.join(PATTERNS)}, with the patterns that AWS has for them"
        )


class Integrations:
    """Calls of one local cloud's services."""

    def __init__(self, context: CloudContext) -> None:
        self._context = context
        self._tokens = Tokens()

    @property
    def tokens(self) -> Tokens:
        """Tokens of the tasks that wait for a callback."""
        return self._tokens

    def call(self, task: Task) -> Any:
        """Calls a service, waits for its job if the task does, and returns the task's result.

        Raises
        ------
        StateError
            The call or the job failed.
        Stopped
            Nobody waits for the job any longer; it has been stopped.
        """
        resource = task.resource
        if resource.service == FUNCTION:
            payload = {"FunctionName": resource.arn, "Payload": task.arguments}
            return self._invoke(_INVOKE, payload, task)["Payload"]
        if (resource.service, resource.action) == ("lambda", "invoke"):
            return self._invoke(resource, task.arguments, task)
        result = self._request(resource, task.arguments, task)
        if resource.service == "events" and result["FailedEntryCount"]:
            raise StateError(
                "EventBridge.FailedEntry", json.dumps(result["Entries"], allow_nan=False)
            )
        if not resource.pattern.startswith("sync"):
            return result
        task.submitted(result)
        return self._wait(task, {**_named(task.arguments), **result})

    def _invoke(self, resource: Resource, arguments: Any, task: Task) -> Any:
        """Invokes a function, and raises the error that it raised."""
        if "Payload" in _named(arguments):
            arguments = {**arguments, "Payload": json.dumps(arguments["Payload"], allow_nan=False)}
        result = self._request(resource, arguments, task)
        text = result.get("Payload", "")
        if result.pop("FunctionError", None) is not None:
            raised = _named(parsed(text.encode()))
            raise StateError(raised.get("errorType", "Lambda.Unknown"), text)
        return {**result, "Payload": parsed(text.encode()) if text else None}

    def _request(self, resource: Resource, arguments: Any, task: Task) -> Any:
        """Makes one request with the machine's role."""
        service = services.called(resource.service)
        operation = None if service is None else service.operation(resource.action)
        if service is None or operation is None:
            raise StateError(RUNTIME, f"The resource {resource.arn} is not supported")
        if not isinstance(arguments, dict):
            raise StateError(RUNTIME, f"expected an object of parameters; got {arguments!r}")
        is_sdk = resource.service.startswith(services.SDK)
        client = self._client(service, task)
        try:
            call = getattr(client, services.method(operation))
            answer = call(**spelling.request(arguments, operation.input_shape))
            answer.pop("ResponseMetadata", None)
            return spelling.response(answer, operation.output_shape, is_sdk=is_sdk)
        except (ParamValidationError, TypeError) as error:
            given = json.dumps(arguments, allow_nan=False)
            message = f"The Parameters '{given}' could not be used to start the Task: [{error}]"
            raise StateError(RUNTIME, message) from error
        except ClientError as error:
            raise StateError(*service.error(error, is_sdk=is_sdk)) from error
        except BotoCoreError as error:
            raise StateError(_TASK_FAILED, str(error)) from error

    def _wait(self, task: Task, members: dict[str, Any]) -> Any:
        """Waits for a job and returns the task's result."""
        resource = task.resource
        job = JOBS[f"{resource.service}:{resource.action}"]
        members["RunId"] = members.get("JobRunId")
        names = {name: members[name] for name in job.names}
        describe = Resource(resource.arn, resource.service, job.describe)
        while True:
            description = self._request(describe, names, task)
            status = job.status_of(description)
            if status == job.good:
                return _parsed_output(resource, job.result(description))
            if status in job.bad:
                cause = json.dumps(job.result(description), allow_nan=False)
                raise StateError(_TASK_FAILED, cause)
            if task.is_over():
                self._stop(job, names, task)
                raise Stopped
            time.sleep(POLL_SECONDS)

    def _stop(self, job: Job, names: dict[str, Any], task: Task) -> None:
        operation, members = job.stop
        resource = Resource(task.resource.arn, task.resource.service, operation)
        try:
            self._request(resource, members(names), task)
        except StateError as error:  # AWS makes an attempt too
            logger.warning("%s could not be stopped: %s", names, error)

    def _client(self, service: Called, task: Task) -> Any:
        """Returns a client with the permissions of the state machine's role."""
        execution = task.execution
        try:
            session = roles.assume(
                execution["roleArn"],
                _PRINCIPAL,
                execution["name"],
                self._context.region,
                execution["stateMachineArn"],
            )
        except roles.RoleError as error:
            raise StateError("States.Permissions", str(error)) from error
        return boto3.Session().client(
            service.client,
            endpoint_url=self._context.endpoint_url,
            region_name=self._context.region,
            aws_access_key_id=session.access_key_id,
            aws_secret_access_key=session.secret_access_key,
            aws_session_token=session.session_token,
        )


def _named(arguments: Any) -> dict[str, Any]:
    """Returns the members of an object; none of anything else."""
    return dict(arguments) if isinstance(arguments, dict) else {}


def _parsed_output(resource: Resource, result: Any) -> Any:
    """Returns the result of a nested execution; ``.sync:2`` gives its output as JSON."""
    if resource.pattern != "sync:2":
        return result
    return {
        name: parsed(value.encode()) if name in ("Input", "Output") else value
        for name, value in result.items()
    }
