"""Amazon States Language with JSONata, as far as our machines share it.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

State = dict[str, Any]

FAILURE = "Why it failed"
"""State that every failure leads to. It reads the variables ``step``, ``log``, ``error`` and
``cause``."""

_PASSING = (
    "DynamoDB.InternalServerErrorException",
    "DynamoDB.ProvisionedThroughputExceededException",
    "DynamoDB.RequestLimitExceededException",
    "DynamoDB.ThrottlingException",
    "Glue.InternalServiceException",
    "Glue.OperationTimeoutException",
    "Glue.ThrottlingException",
    "SNS.InternalErrorException",
    "SNS.ThrottledException",
    "SageMaker.AmazonSageMakerException",  # whatever it is, throttling among it
    "SageMaker.SageMakerException",
    "SageMaker.ThrottlingException",
    "Sfn.SfnException",
    "Sfn.ThrottlingException",
)
"""Errors of a service, not of what it was asked for."""

_SCARCE = ("Glue.ResourceNumberLimitExceededException", "SageMaker.ResourceLimitExceededException")
"""There is no more capacity, or others use up the account's quota: that takes longer to pass."""


def expression(jsonata: str) -> str:
    """A JSONata expression where a state takes one."""
    return f"{{% {jsonata} %}}"


def choice(otherwise: str, *rules: tuple[str, str]) -> State:
    """The state of the first condition that holds, else another one."""
    return {
        "Type": "Choice",
        "Choices": [
            {"Condition": expression(condition), "Next": following}
            for condition, following in rules
        ],
        "Default": otherwise,
    }


def task(
    step: str,
    resource: str,
    arguments: Mapping[str, Any],
    *,
    then: str | None,
    assign: Mapping[str, str] | None = None,
    catch: Mapping[str, str] | None = None,
    busy: Sequence[str] = (),
    log: str = "",
    caught_outside: bool = False,
) -> State:
    """A call of a service, made again where the service is at fault, and caught for good.

    Parameters
    ----------
    step
        What a person calls it who is told that it failed.
    resource
        Integration without ``arn:aws:states:::``.
    then
        The next state; None ends the branch.
    assign
        Variables by JSONata expressions.
    catch
        States for errors that are no failure, looked at before all others.
    busy
        Errors that pass when another run has ended: minutes, not seconds.
    log
        Where the step's log is.
    caught_outside
        In a branch, whose parallel state catches what fails.
    """
    known = [{"ErrorEquals": [error], "Next": state} for error, state in (catch or {}).items()]
    if "States.ALL" not in (catch or {}) and not caught_outside:
        known.append(only(step, log))
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Arguments": dict(arguments),
        **(
            {"Assign": {name: expression(value) for name, value in assign.items()}}
            if assign
            else {}
        ),
        "Output": {},
        "Retry": [
            _retry(_PASSING, seconds=2, attempts=4),
            _retry((*_SCARCE, *busy), seconds=60, attempts=8, most_seconds=900),
        ],
        **({"Catch": known} if known else {}),
        **({"Next": then} if then is not None else {"End": True}),
    }


def only(step: str, log: str) -> State:
    """Catch whatever fails and lead it to `FAILURE`."""
    return {
        "ErrorEquals": ["States.ALL"],
        "Assign": {
            "step": step,
            "log": log or "the execution's own",
            "error": expression("$states.errorOutput.Error"),
            "cause": expression("$states.errorOutput.Cause"),
        },
        "Output": {},
        "Next": FAILURE,
    }


def reason(cause: str, error: str) -> str:
    """JSONata of why a task failed: a job's cause is its whole description in JSON.

    Parameters
    ----------
    cause, error
        JSONata expressions.
    """
    return (
        f"($text := $trim({cause}); $is_job := $substring($text, 0, 1) = '{{'; "
        "$job := $is_job ? $parse($text) : {}; "
        "$why := [$job.ExitMessage, $job.FailureReason, $job.ErrorMessage, "
        f"$is_job ? {error} : $text][0]; $substring($why, 0, 600))"
    )


def _retry(errors: Sequence[str], *, seconds: int, attempts: int, most_seconds: int = 120) -> State:
    return {
        "ErrorEquals": list(errors),
        "IntervalSeconds": seconds,
        "MaxAttempts": attempts,
        "BackoffRate": 2,
        "MaxDelaySeconds": most_seconds,
        "JitterStrategy": "FULL",
    }
