"""One execution of a state machine at a time, by an item in the table of locks.

The item goes with the execution, and is of no effect after some hours, should an execution have
been stopped before it could remove it.
"""

from __future__ import annotations

from contracts.names import Names
from infra.modules.core.policy import Statement
from infra.modules.machines.states_language import State, expression, task

_NOW = "$floor($toMillis($now()) / 1000)"
_ME = {"S": expression("$states.context.Execution.Id")}
TAKEN = "DynamoDB.ConditionalCheckFailedException"


def take(names: Names, what: str, *, hours: int, then: str, busy: str) -> State:
    """Take the lock, or go to the state ``busy`` where another execution has it."""
    return task(
        "Lock",
        "dynamodb:putItem",
        {
            "TableName": names.locks_table,
            "Item": {
                "name": {"S": what},
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
        then=then,
        catch={TAKEN: busy},
    )


def release(names: Names, what: str, *, then: str, whatever_comes: bool = False) -> State:
    """Remove the execution's own lock; one that it has no more is another's, and stays.

    Parameters
    ----------
    whatever_comes
        Go on also where the lock can't be removed, as where a failure is being told.
    """
    return task(
        "Release",
        "dynamodb:deleteItem",
        {
            "TableName": names.locks_table,
            "Key": {"name": {"S": what}},
            "ConditionExpression": "execution = :me",
            "ExpressionAttributeValues": {":me": _ME},
        },
        then=then,
        catch={"States.ALL" if whatever_comes else TAKEN: then},
    )


def lock_statement(names: Names, what: str) -> Statement:
    """Leave to take and release one lock of the table."""
    return Statement(
        "Lock",
        ("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"),
        (f"arn:aws:dynamodb:{names.region}:{names.account_id}:table/{names.locks_table}",),
        conditions={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [what]}},
    )
