"""Adds service integrations to ministack's Step Functions.

A task calls a service with the state machine's role, so a missing permission fails here as on AWS.
With ``.sync``, a task waits for its job to end; stopping the execution stops the job.
https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
"""

from __future__ import annotations

import contextvars
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from ministack.services import stepfunctions

from localcloud.cloud.context import CloudContext
from localcloud.services.iam import roles
from localcloud.services.stepfunctions import expressions

POLL_SECONDS = 0.5
_OPTIMISED = "arn:aws:states:::"
_SDK = "arn:aws:states:::aws-sdk:"
_PRINCIPAL = "states.amazonaws.com"

Record = dict[str, Any]

_execution: contextvars.ContextVar[Record] = contextvars.ContextVar("execution")


@dataclass(frozen=True)
class Job:
    """Properties of a job that ``.sync`` waits for.

    Parameters
    ----------
    describe, stop
        Operations that take the members that identify the job.
    names
        Members that identify the job, from the response or else from the request.
    member
        Member of the description that holds the job; empty if the description is the job.
    status
        Member that holds the status.
    """

    describe: str
    stop: str
    names: tuple[str, ...]
    status: str
    good: str
    bad: tuple[str, ...]
    member: str = ""


def _sagemaker_job(word: str) -> Job:
    return Job(
        describe=xform_name(f"Describe{word}Job"),
        stop=xform_name(f"Stop{word}Job"),
        names=(f"{word}JobName",),
        status=f"{word}JobStatus",
        good="Completed",
        bad=("Failed", "Stopped"),
    )


# Glue's stop operation has other members than its describe operation; see `_stop`.
_GLUE_RUN = Job(
    describe="get_job_run",
    stop="batch_stop_job_run",
    names=("JobName", "RunId"),
    status="JobRunState",
    good="SUCCEEDED",
    bad=("FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"),
    member="JobRun",
)

INTEGRATIONS: Mapping[str, Job | None] = {
    "glue:startJobRun": _GLUE_RUN,
    "sagemaker:createTrainingJob": _sagemaker_job("Training"),
    "sagemaker:createProcessingJob": _sagemaker_job("Processing"),
    "sagemaker:createTransformJob": _sagemaker_job("Transform"),
    "sagemaker:createHyperParameterTuningJob": _sagemaker_job("HyperParameterTuning"),
    "sagemaker:createEndpointConfig": None,
    "sagemaker:createEndpoint": None,
    "sagemaker:updateEndpoint": None,
    "sagemaker:createModel": None,
    "dynamodb:getItem": None,
    "dynamodb:putItem": None,
    "dynamodb:updateItem": None,
    "dynamodb:deleteItem": None,
    "sns:publish": None,
}
"""Jobs that optimised integrations start; a name precedes any other that is its prefix."""

_SDK_SERVICES = {
    "cloudwatch": "CloudWatch",
    "dynamodb": "DynamoDb",
    "glue": "Glue",
    "sagemaker": "SageMaker",
    "sfn": "Sfn",
    "sns": "Sns",
}
"""Prefixes of the errors of ``aws-sdk`` integrations."""
_CLIENTS = {"sfn": "stepfunctions"}
"""boto3's names of services that Step Functions names otherwise."""


class StateMachines:
    """Integrations of one local cloud."""

    def __init__(self, context: CloudContext) -> None:
        self._context = context

    def install(self) -> None:
        """Installs the integrations in ministack, and corrects its expressions."""
        expressions.install()
        stepfunctions._execute_task = _remembering_execution(stepfunctions._execute_task)
        dispatch = stepfunctions._SERVICE_DISPATCH
        dispatch[_SDK] = self._sdk
        for action, job in INTEGRATIONS.items():
            dispatch[_OPTIMISED + action] = self._task(action, job)

    def start(self) -> None:
        """Fails the executions that were running when the cloud last stopped."""
        for execution in list(stepfunctions._executions.values()):
            if execution["status"] == "RUNNING":
                stepfunctions._fail_execution(
                    execution, "States.Runtime", "the local cloud was stopped during the execution"
                )

    def _task(self, action: str, job: Job | None) -> Callable[[str, Record], Record]:
        service, _, operation = action.partition(":")
        error_names = _error_names(_OPTIMISED_ERRORS[service])

        def invoke(resource: str, request: Record) -> Record:
            client = self._client(service)
            answer = _call(client, xform_name(operation), request, error_names)
            if job is None or ".sync" not in resource:
                return answer
            return _wait(client, job, {**request, **answer, "RunId": answer.get("JobRunId")})

        return invoke

    def _sdk(self, resource: str, request: Record) -> Record:
        """Calls any operation of a service; all members start with a capital letter."""
        service, operation = resource.removeprefix(_SDK).split(":")
        if service not in _SDK_SERVICES:
            raise stepfunctions._ExecutionError(
                "States.Runtime",
                f"expected an SDK integration of {', '.join(_SDK_SERVICES)}; got {service}",
            )
        client = self._client(_CLIENTS.get(service, service))
        answer = _call(
            client,
            xform_name(operation),
            _with_service_spelling(client, operation, request),
            _error_names(_SDK_SERVICES[service]),
        )
        return {name[0].upper() + name[1:]: value for name, value in answer.items()}

    def _client(self, service: str) -> Any:
        """Returns a client with the permissions of the state machine's role."""
        execution = _execution.get()
        machine = stepfunctions._state_machines[execution["stateMachineArn"]]
        try:
            session = roles.assume(
                machine["roleArn"],
                _PRINCIPAL,
                execution["name"],
                self._context.region,
                machine["stateMachineArn"],
            )
        except roles.RoleError as error:
            raise stepfunctions._ExecutionError("States.Permissions", str(error)) from error
        return boto3.Session().client(
            service,
            endpoint_url=self._context.endpoint_url,
            region_name=self._context.region,
            aws_access_key_id=session.access_key_id,
            aws_secret_access_key=session.secret_access_key,
            aws_session_token=session.session_token,
        )


def _remembering_execution(execute: Callable[..., Any]) -> Callable[..., Any]:
    def execute_task(definition: Record, given: Any, execution: Record, context: Record) -> Any:
        token = _execution.set(execution)
        try:
            return execute(definition, given, execution, context)
        finally:
            _execution.reset(token)

    return execute_task


def _call(client: Any, operation: str, request: Record, error_name: Callable[[str], str]) -> Record:
    """Calls a service; returns the task's result or raises the task's error."""
    try:
        answer: Record = getattr(client, operation)(**request)
    except ParamValidationError as error:
        raise stepfunctions._ExecutionError("States.Runtime", str(error)) from error
    except AttributeError:
        raise stepfunctions._ExecutionError(
            "States.Runtime", f"there is no operation {operation}"
        ) from None
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        raise stepfunctions._ExecutionError(error_name(code), message) from error
    except BotoCoreError as error:
        raise stepfunctions._ExecutionError("States.TaskFailed", str(error)) from error
    del answer["ResponseMetadata"]
    plain: Record = json.loads(json.dumps(answer, default=_milliseconds, allow_nan=False))
    return plain


def _wait(client: Any, job: Job, members: Record) -> Record:
    """Waits for a job and returns its description.

    Raises
    ------
    _ExecutionError
        ``States.TaskFailed`` with the description as its cause, if the job failed.
    """
    names = {name: members[name] for name in job.names}
    execution = _execution.get()
    while True:
        found = _call(client, job.describe, names, _sagemaker_error)
        description: Record = found[job.member] if job.member else found
        if description[job.status] == job.good:
            return description
        if description[job.status] in job.bad:
            raise stepfunctions._ExecutionError(
                "States.TaskFailed", json.dumps(description, allow_nan=False)
            )
        if execution["status"] != "RUNNING":
            _stop(client, job, names)
            raise stepfunctions._ExecutionError("States.TaskFailed", "the execution was stopped")
        time.sleep(POLL_SECONDS)


def _stop(client: Any, job: Job, names: Record) -> None:
    if job is _GLUE_RUN:
        client.batch_stop_job_run(JobName=names["JobName"], JobRunIds=[names["RunId"]])
    else:
        getattr(client, job.stop)(**names)


def _with_service_spelling(client: Any, operation: str, request: Record) -> Record:
    """Returns a request with its top-level members spelled as in the service's API."""
    found = client.meta.service_model.operation_model(operation[0].upper() + operation[1:])
    members = found.input_shape.members if found.input_shape else {}
    spelled = {name.lower(): name for name in members}
    return {spelled.get(name.lower(), name): value for name, value in request.items()}


_OPTIMISED_ERRORS = {
    "dynamodb": "DynamoDB",
    "glue": "Glue",
    "sagemaker": "SageMaker",
    "sns": "SNS",
}


def _error_names(service: str) -> Callable[[str], str]:
    if service == "SageMaker":
        return _sagemaker_error
    return lambda code: f"{service}.{code.removesuffix('Exception')}Exception"


def _sagemaker_error(code: str) -> str:
    if code in ("ResourceInUse", "ResourceLimitExceeded", "ResourceNotFound", "ConflictException"):
        return f"SageMaker.{code.removesuffix('Exception')}Exception"
    return "SageMaker.AmazonSageMakerException"


def _milliseconds(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    raise TypeError(f"expected a JSON value or a time in a task's result; got {value!r}")
