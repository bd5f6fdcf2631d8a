"""Amazon States Language with JSONata, as the estate's state machines share it.

A state carries the permissions that it needs, so the role of a machine is the union of what its
states need and no list of its own. Fragments of a machine are plain dictionaries of states.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.modules.core.policy import Statement
from infra.modules.machines.permissions import united

FAILURE = "Explain failure"
"""State that every failure leads to. It reads the variables ``step``, ``log``, ``error`` and
``cause``."""

EXECUTION = "$states.context.Execution"
"""JSONata of the execution itself, with ``Id``, ``Name``, ``StartTime`` and ``Input``."""

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
    "SageMaker.AmazonSageMakerException",  # whatever it is, throttling among it
    "SageMaker.SageMakerException",
    "SageMaker.ThrottlingException",
    "Sfn.SfnException",
    "Sfn.ThrottlingException",
)
"""Errors of a service, not of what it was asked for."""

_SCARCE = ("Glue.ResourceNumberLimitExceededException", "SageMaker.ResourceLimitExceededException")
"""There is no more capacity, or others use up the account's quota: that takes longer to pass."""


@dataclass(frozen=True)
class State:
    """A state, and the permissions that the machine's role needs for it.

    Parameters
    ----------
    body
        In Amazon States Language.
    """

    body: Mapping[str, Any]
    statements: tuple[Statement, ...] = ()

    def but(self, **members: Any) -> State:
        """The same state with other members."""
        return replace(self, body={**self.body, **members})


States = Mapping[str, State]
"""A fragment of a machine: states by name."""


@dataclass(frozen=True)
class Part:
    """A fragment with the state that it starts at."""

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
    """A whole state machine: its definition, and all that its role may do."""

    definition: Mapping[str, Any]
    statements: tuple[Statement, ...]


def machine(comment: str, start: str, states: States) -> Machine:
    """Put fragments together."""
    definition = {
        "Comment": comment,
        "QueryLanguage": "JSONata",
        "StartAt": start,
        "States": {name: dict(one.body) for name, one in states.items()},
    }
    return Machine(definition, united(_needs(states)))


def expression(jsonata: str) -> str:
    """A JSONata expression where a state takes one."""
    return f"{{% {jsonata} %}}"


@dataclass(frozen=True)
class Way:
    """Where a choice leads, with the variables that are set on the way."""

    then: str
    assign: Mapping[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        assign = {"Assign": dict(self.assign)} if self.assign else {}
        return {"Next": self.then, **assign}


def way(then: str, **assign: Any) -> Way:
    """A way that sets variables; a value that is an expression is given by `expression`."""
    return Way(then, assign)


def choice(otherwise: str | Way, *rules: tuple[str, str | Way]) -> State:
    """The state of the first condition that holds, else another one.

    Parameters
    ----------
    rules
        JSONata of a condition, and where it leads.
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
    """A state that sets variables and calls nothing; ``then`` is None where the branch ends.

    Parameters
    ----------
    assign
        Values; one that is an expression is given by `expression`.
    output
        Output of the state, nothing where it is None: states hand on what they find as variables.
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
    """A pause of so many seconds."""
    return State(
        {
            "Type": "Wait",
            "Seconds": seconds,
            **({"Assign": assign} if assign else {}),
            "Next": then,
        }
    )


def fail(error: str, cause: str) -> State:
    """The end of an execution that failed."""
    return State({"Type": "Fail", "Error": error, "Cause": cause})


def parallel(branches: Sequence[Part], *, step: str, log: str, then: str) -> State:
    """Branches that run at the same time; a failure in one of them is one of the machine."""
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
    """A fragment that runs for each of some items, one after the other; it has one as its input.

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
    """A call of a service, repeated while the service is at fault, and caught for good.

    Parameters
    ----------
    step
        Name of the step in the message to a person, where it fails.
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
        Whether the task is in a branch, whose parallel state catches what fails.
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
                _retry(_TRANSIENT, seconds=2, attempts=4),
                _retry((*_SCARCE, *busy), seconds=60, attempts=8, most_seconds=900),
            ],
            **({"Catch": known} if known else {}),
            **_following(then),
        },
        call.statements,
    )


def to_failure(step: str, log: str = "", *, then: str = FAILURE) -> dict[str, Any]:
    """Catch whatever fails, and lead it to `FAILURE`."""
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
    """Lead to `FAILURE` where no call fails.

    Parameters
    ----------
    cause
        JSONata of why there is no going on.
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
