"""The serial numbers that may claim a certificate, as an operator keeps them.

The table is in DynamoDB; AWS IoT's pre-provisioning hook takes from it what is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from device.errors import ProvisioningError
from device.mqtt.kit import is_thing_name

CLOSED = "nobody"
"""Marks a serial number as used by no device that could ask again."""


@dataclass(frozen=True)
class Entry:
    """A serial number on the list.

    Parameters
    ----------
    thing_name
        What the device is to be called.
    expires_at
        Until when it may claim; None is for ever.
    used_at
        When it first claimed; None where it has not.
    """

    serial_number: str
    thing_name: str
    expires_at: datetime | None = None
    used_at: datetime | None = None


class AllowList:
    """The list of one environment.

    Parameters
    ----------
    dynamodb
        boto3 client of DynamoDB.
    """

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def allow(self, entry: Entry, *, again: bool = False) -> None:
        """Let a serial number claim.

        Parameters
        ----------
        again
            Also where it was used: the next device that claims it gets the thing.

        Raises
        ------
        ProvisioningError
            Serial number or name are none, or it was used and ``again`` is not said.
        """
        for text in (entry.serial_number, entry.thing_name):
            if not is_thing_name(text):
                raise ProvisioningError(
                    f"serial numbers and names are 1 to 128 of a-z A-Z 0-9 : _ -; got {text!r}"
                )
        item = {
            "serial_number": {"S": entry.serial_number},
            "thing_name": {"S": entry.thing_name},
        }
        if entry.expires_at:
            item["expires_at"] = {"N": str(int(entry.expires_at.timestamp()))}
        condition = {} if again else {"ConditionExpression": "attribute_not_exists(used_at)"}
        try:
            self._dynamodb.put_item(TableName=self._table, Item=item, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise ProvisioningError(
                f"{entry.serial_number} was used; say --again to let another device claim it"
            ) from None

    def remove(self, serial_number: str) -> None:
        """Take a serial number off the list; it may be none of it."""
        self._dynamodb.delete_item(
            TableName=self._table, Key={"serial_number": {"S": serial_number}}
        )

    def entries(self) -> Iterator[Entry]:
        """All of the list, in no order."""
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=self._table):
            for item in page["Items"]:
                expires = item.get("expires_at")
                used = item.get("used_at")
                yield Entry(
                    item["serial_number"]["S"],
                    item["thing_name"]["S"],
                    datetime.fromtimestamp(int(expires["N"]), UTC) if expires else None,
                    datetime.fromisoformat(used["S"]) if used else None,
                )

    def close(self, thing_name: str, now: datetime) -> list[str]:
        """Let no device claim that thing any more, not even the one that did.

        Returns
        -------
        list of str
            Its serial numbers.
        """
        closed = [entry.serial_number for entry in self.entries() if entry.thing_name == thing_name]
        for serial_number in closed:
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"serial_number": {"S": serial_number}},
                UpdateExpression="SET used_at = if_not_exists(used_at, :now), used_by = :nobody",
                ExpressionAttributeValues={
                    ":now": {"S": now.astimezone(UTC).isoformat(timespec="seconds")},
                    ":nobody": {"S": CLOSED},
                },
            )
        return closed
