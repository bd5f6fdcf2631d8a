"""One execution of a state machine at a time, by an item in the table of locks.

The item goes with the execution. Where an execution was stopped before it could remove its item,
the next one finds that the holder no longer runs, and takes over. After some hours the item is of
no effect anyway.
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
    """The states from ``Lock`` on; where another execution runs, this one fails with ``error``.

    Parameters
    ----------
    machine
        State machine of which one execution is to run at a time.
    hours
        After which the lock is of no effect, whatever its holder does.
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
        "Busy": fail(error, expression("'one run at a time; this one is under way: ' & $holder")),
    }


def release(names: Names, machine: str, *, then: str, whatever_fails: bool = False) -> State:
    """Remove the execution's own lock; one that it no longer holds is another's, and stays.

    Parameters
    ----------
    whatever_fails
        Go on also where the lock can't be removed, as on the way to a message of failure.
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
            "ConditionExpression": (  # :me is a call that is repeated
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
