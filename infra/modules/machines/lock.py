"""A lock that allows one execution of a state machine at a time: an item in the table of locks.

An execution removes its item when it ends. If it is stopped before that, the next execution finds
that the holder no longer runs and takes over the lock. The lock also expires after some hours.
"""

from __future__ import annotations

from typing import Any

from contracts.names import Names
from infra.modules.core.policy import Statement, use_of_data_key
from infra.modules.machines.states_language import (
    EXECUTION,
    Call,
    State,
    choice,
    expression,
    fail,
    task,
)

_NOW = "$floor($toMillis($now()) / 1000)"
_ME = {"S": expression(f"{EXECUTION}.Id")}
_TAKEN = "DynamoDB.ConditionalCheckFailedException"


def acquire(
    names: Names, machine: str, *, hours: int, then: str, error: str = "Busy"
) -> dict[str, State]:
    """Returns the states from ``Lock`` on; with another one running, an execution fails.

    Parameters
    ----------
    machine
        Name of the state machine, and of its lock.
    hours
        Hours after which the lock expires, even if its holder still runs.
    error
        Error with which an execution fails while another one runs.
    """
    item = "$states.result.Item"
    return {
        "Lock": task(
            "Lock",
            _put(names, machine, hours),
            then=then,
            catch={_TAKEN: "Find lock holder"},
        ),
        "Find lock holder": task(
            "Lock",
            _call(names, machine, "getItem", {**_key(machine), "ConsistentRead": True}),
            assign={"holder": f"$exists({item}) ? {item}.execution.S : ''"},
            then="Is the lock free",
        ),
        "Is the lock free": choice("Describe lock holder", ("$holder = ''", "Lock")),
        "Describe lock holder": task(
            "Lock",
            _describe_execution(names, machine),
            assign={"holding": "$states.result.Status"},
            then="Is the holder running",
            catch={"Sfn.ExecutionDoesNotExistException": "Remove stale lock"},
        ),
        "Is the holder running": choice("Remove stale lock", ("$holding = 'RUNNING'", "Busy")),
        "Remove stale lock": task(
            "Lock",
            _call(
                names,
                machine,
                "deleteItem",
                {
                    **_key(machine),
                    "ConditionExpression": "execution = :holder",
                    "ExpressionAttributeValues": {":holder": {"S": expression("$holder")}},
                },
            ),
            then="Lock",
            catch={_TAKEN: "Lock"},
        ),
        "Busy": fail(error, expression("'only one run at a time; in progress: ' & $holder")),
    }


def release(names: Names, machine: str, *, then: str, whatever_fails: bool = False) -> State:
    """Returns the state that removes the execution's own lock, but not a lock of another one.

    Parameters
    ----------
    whatever_fails
        Whether to continue if the lock can't be removed, as on the failure path.
    """
    return task(
        "Unlock",
        _call(
            names,
            machine,
            "deleteItem",
            {
                **_key(machine),
                "ConditionExpression": "execution = :me",
                "ExpressionAttributeValues": {":me": _ME},
            },
        ),
        then=then,
        catch={"States.ALL" if whatever_fails else _TAKEN: then},
    )


def _put(names: Names, machine: str, hours: int) -> Call:
    return _call(
        names,
        machine,
        "putItem",
        {
            "Item": {
                "name": {"S": machine},
                "execution": _ME,
                "expires_at": {"N": expression(f"$string({_NOW} + {hours * 3600})")},
            },
            "ConditionExpression": (  # :me matches when the call is retried
                "attribute_not_exists(#name) OR expires_at < :now OR execution = :me"
            ),
            "ExpressionAttributeNames": {"#name": "name"},
            "ExpressionAttributeValues": {
                ":now": {"N": expression(f"$string({_NOW})")},
                ":me": _ME,
            },
        },
    )


def _key(machine: str) -> dict[str, Any]:
    return {"Key": {"name": {"S": machine}}}


def _call(names: Names, machine: str, operation: str, arguments: dict[str, Any]) -> Call:
    return Call(
        f"dynamodb:{operation}",
        {"TableName": names.locks_table, **arguments},
        (
            Statement(
                "Lock",
                (f"dynamodb:{operation[0].upper()}{operation[1:]}",),
                (names.table_arn(names.locks_table),),
                conditions={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [machine]}},
            ),
            use_of_data_key(names),  # the table is encrypted with it
        ),
    )


def _describe_execution(names: Names, machine: str) -> Call:
    executions = names.arn("states", f"execution:{machine}:*")
    return Call(
        "aws-sdk:sfn:describeExecution",
        {"ExecutionArn": expression("$holder")},
        (Statement("DescribeLockHolder", ("states:DescribeExecution",), (executions,)),),
    )
