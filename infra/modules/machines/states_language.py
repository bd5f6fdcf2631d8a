"""Builds Amazon States Language with JSONata for the estate's state machines.

A state carries the permissions that it needs, so a machine's role is the union of its states'
permissions. Fragments of a machine are plain dictionaries of states.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.modules.core.policy import Statement
from infra.modules.machines.permissions import united

FAILURE = "Explain failure"
"""Name of the state that every failure leads to; it reads ``step``, ``log``, ``error`` and
``cause``."""

EXECUTION = "$states.context.Execution"
"""JSONata of the execution, with ``Id``, ``Name``, ``StartTime`` and ``Input``."""

_TRANSIENT = (
    "DynamoDB.InternalServerErrorException",
    "DynamoDB.ProvisionedThroughputExceededException",
    "DynamoDB.RequestLimitExceededException",
    "DynamoDB.ThrottlingException",
    "Glue.InternalServiceException",
    "Glue.OperationTimeoutException",
    "Glue.ThrottlingException",
    "SNS.InternalErrorException",
    "SNS.ThrottledException",
    "SageMaker.AmazonSageMakerException",  # every error of the service, throttling included
    "SageMaker.SageMakerException",
    "SageMaker.ThrottlingException",
    "Sfn.SfnException",
    "Sfn.ThrottlingException",
)
"""Errors that the service causes, not the request."""

_SCARCE = ("Glue.ResourceNumberLimitExceededException", "SageMaker.ResourceLimitExceededException")
"""Errors of capacity or of the account's quota, which take longer to pass."""


@dataclass(frozen=True)
class State:
    """A state, and the permissions that the machine's role needs for it.

    Parameters
    ----------
    body
        The state in Amazon States Language.
    """

    body: Mapping[str, Any]
    statements: tuple[Statement, ...] = ()

    def but(self, **members: Any) -> State:
        """Returns the state with some members replaced."""
        return replace(self, body={**self.body, **members})


States = Mapping[str, State]
"""A fragment of a machine: states by name."""


@dataclass(frozen=True)
class Part:
    """A fragment with its first state."""

    start: str
    states: States


@dataclass(frozen=True)
class Call:
    """A call of a service.

    Parameters
    ----------
    resource
        Integration without ``arn:aws:states:::``.
    statements
        Permissions that the call needs.
    """

    resource: str
    arguments: Mapping[str, Any]
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class Machine:
    """A whole state machine: its definition and its role's permissions."""

    definition: Mapping[str, Any]
    statements: tuple[Statement, ...]


def machine(comment: str, start: str, states: States) -> Machine:
    """Combines fragments into a machine."""
    definition = {
        "Comment": comment,
        "QueryLanguage": "JSONata",
        "StartAt": start,
        "States": {name: dict(one.body) for name, one in states.items()},
    }
    return Machine(definition, united(_needs(states)))


def expression(jsonata: str) -> str:
    """Returns a JSONata expression in the form that a state expects."""
    return f"{{% {jsonata} %}}"


@dataclass(frozen=True)
class Way:
    """A transition of a choice, with the variables that it sets."""

    then: str
    assign: Mapping[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        assign = {"Assign": dict(self.assign)} if self.assign else {}
        return {"Next": self.then, **assign}


def way(then: str, **assign: Any) -> Way:
    """Returns a transition that sets variables; wrap JSONata values in `expression`."""
    return Way(then, assign)


def choice(otherwise: str | Way, *rules: tuple[str, str | Way]) -> State:
    """Returns a choice: the transition of the first condition that holds, or the default one.

    Parameters
    ----------
    rules
        JSONata of a condition, and its transition.
    """
    default = _way(otherwise).body
    return State(
        {
            "Type": "Choice",
            "Choices": [
                {"Condition": expression(condition), **_way(following).body}
                for condition, following in rules
            ],
            "Default": default.pop("Next"),
            **default,
        }
    )


def _way(following: str | Way) -> Way:
    return following if isinstance(following, Way) else Way(following, {})


def assignment(
    then: str | None, assign: Mapping[str, Any] | None = None, *, output: Any = None
) -> State:
    """Returns a state that only sets variables; ``then`` is None at the end of a branch.

    Parameters
    ----------
    assign
        Values by variable; wrap JSONata values in `expression`.
    output
        Output of the state; None for no output, as states pass their results on as variables.
    """
    return State(
        {
            "Type": "Pass",
            **({"Assign": dict(assign)} if assign else {}),
            "Output": {} if output is None else output,
            **_following(then),
        }
    )


def wait(seconds: int | str, then: str, **assign: Any) -> State:
    """Returns a wait of that many seconds."""
    return State(
        {
            "Type": "Wait",
            "Seconds": seconds,
            **({"Assign": assign} if assign else {}),
            "Next": then,
        }
    )


def fail(error: str, cause: str) -> State:
    """Returns the state that ends an execution as failed."""
    return State({"Type": "Fail", "Error": error, "Cause": cause})


def parallel(branches: Sequence[Part], *, step: str, log: str, then: str) -> State:
    """Returns a parallel state; a failure in one branch fails the machine."""
    return State(
        {
            "Type": "Parallel",
            "Branches": [
                {
                    "StartAt": branch.start,
                    "States": {name: dict(one.body) for name, one in branch.states.items()},
                }
                for branch in branches
            ],
            "Catch": [to_failure(step, log)],
            "Next": then,
        },
        tuple(need for branch in branches for need in _needs(branch.states)),
    )


def each(items: str, part: Part, *, step: str, then: str) -> State:
    """Returns a map state that runs a fragment for each item, one at a time, with it as the input.

    Parameters
    ----------
    items
        JSONata of an array.
    """
    return State(
        {
            "Type": "Map",
            "Items": expression(items),
            "MaxConcurrency": 1,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": part.start,
                "States": {name: dict(one.body) for name, one in part.states.items()},
            },
            "Output": {},
            "Catch": [to_failure(step)],
            "Next": then,
        },
        tuple(_needs(part.states)),
    )


def task(
    step: str,
    call: Call,
    *,
    then: str | None,
    assign: Mapping[str, str] | None = None,
    catch: Mapping[str, str] | None = None,
    busy: Sequence[str] = (),
    log: str = "",
    caught_outside: bool = False,
) -> State:
    """Returns a call of a service, with retries for service errors, and a catch for all others.

    Parameters
    ----------
    step
        Name of the step in the failure message.
    then
        Next state; None ends the branch.
    assign
        Variables by JSONata expressions.
    catch
        Next states by errors that are not failures; they precede the general catch.
    busy
        Errors that last until another run has ended; retried after minutes.
    log
        Location of the step's log.
    caught_outside
        Whether the task is in a branch whose parallel state catches failures.
    """
    known = [{"ErrorEquals": [error], "Next": state} for error, state in (catch or {}).items()]
    if "States.ALL" not in (catch or {}) and not caught_outside:
        known.append(to_failure(step, log))
    return State(
        {
            "Type": "Task",
            "Resource": f"arn:aws:states:::{call.resource}",
            "Arguments": dict(call.arguments),
            **(
                {"Assign": {name: expression(value) for name, value in assign.items()}}
                if assign
                else {}
            ),
            "Output": {},
            "Retry": [
                FOR_THE_SERVICE,
                _retry((*_SCARCE, *busy), seconds=60, attempts=8, most_seconds=900),
            ],
            **({"Catch": known} if known else {}),
            **_following(then),
        },
        call.statements,
    )


def to_failure(step: str, log: str = "", *, then: str = FAILURE) -> dict[str, Any]:
    """Returns a catch of all errors that leads to `FAILURE`."""
    return {
        "ErrorEquals": ["States.ALL"],
        "Assign": {
            "step": step,
            "log": log or "the execution's own",
            "error": expression("$states.errorOutput.Error"),
            "cause": expression("$states.errorOutput.Cause"),
        },
        "Output": {},
        "Next": then,
    }


def failure(step: str, cause: str) -> State:
    """Returns a state that leads to `FAILURE` without a failed call.

    Parameters
    ----------
    cause
        JSONata of the cause.
    """
    return assignment(
        FAILURE,
        {
            "step": step,
            "log": "the execution's own",
            "error": "Unusable",
            "cause": expression(cause),
        },
    )


def _following(then: str | None) -> dict[str, Any]:
    return {"Next": then} if then is not None else {"End": True}


def _needs(states: States) -> list[Statement]:
    return [need for one in states.values() for need in one.statements]


def _retry(errors: Sequence[str], *, seconds: int, attempts: int, most_seconds: int = 120) -> Any:
    return {
        "ErrorEquals": list(errors),
        "IntervalSeconds": seconds,
        "MaxAttempts": attempts,
        "BackoffRate": 2,
        "MaxDelaySeconds": most_seconds,
        "JitterStrategy": "FULL",
    }


FOR_THE_SERVICE = _retry(_TRANSIENT, seconds=2, attempts=4)
"""Retries of a call that failed because of the service."""
