"""Maintains the allow-list of serial numbers that may claim a certificate.

The list is a DynamoDB table; AWS IoT's pre-provisioning hook reads it and marks claimed entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from contracts.messages.telemetry import is_thing_name
from device.errors import ProvisioningError

CLOSED = "nobody"
"""Value of ``used_by`` that lets no device claim the serial number again."""


@dataclass(frozen=True)
class Entry:
    """A serial number on the list.

    Parameters
    ----------
    thing_name
        Thing name of the device.
    expires_at
        Time until which it may claim; None does not expire.
    used_at
        Time of the first claim; None before it.
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
        """Allow a serial number to claim.

        Parameters
        ----------
        again
            Whether to allow a used serial number: the next device that claims it gets the thing.

        Raises
        ------
        ProvisioningError
            The serial number or name is invalid, or the number was used and ``again`` is False.
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
                f"{entry.serial_number} was used; add --again to let another device claim it"
            ) from None

    def remove(self, serial_number: str) -> None:
        """Remove a serial number from the list, if it is there."""
        self._dynamodb.delete_item(
            TableName=self._table, Key={"serial_number": {"S": serial_number}}
        )

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, in no particular order."""
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
        """Prevent all further claims of a thing, also by the device that claimed it.

        Returns
        -------
        list of str
            Serial numbers of the thing.
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
