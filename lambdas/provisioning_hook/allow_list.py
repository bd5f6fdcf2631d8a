"""Allow-list of serial numbers that may claim a certificate, in DynamoDB.

`lakecast device allow` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from provisioning_hook.admission import Claim, RefusedError

_MAY_BE_TAKEN = (
    "attribute_exists(serial_number)"
    " AND (attribute_not_exists(expires_at) OR expires_at > :epoch)"
    " AND (attribute_not_exists(used_at) OR used_by = :token)"
)
_TAKE = (
    "SET used_at = if_not_exists(used_at, :now), used_by = :token, certificate_id = :certificate"
)


class AllowList:
    """Allow-list whose serial numbers can be used once.

    Parameters
    ----------
    dynamodb
        boto3 client of DynamoDB.
    table
        Name of the table: partition key ``serial_number``, attribute ``thing_name`` (the device's
        name) and optionally ``expires_at`` (seconds since 1970).
    """

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def take(self, claim: Claim, now: datetime) -> str:
        """Check a serial number, mark it as used in the same step, and return the thing's name.

        A second use with the same token is allowed, so that a device that lost the response can
        repeat its request. DynamoDB's condition admits only one of two concurrent devices.

        Raises
        ------
        RefusedError
            The serial number is not on the list, has expired, or was used by another device.
        """
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key={"serial_number": {"S": claim.serial_number}},
                ConditionExpression=_MAY_BE_TAKEN,
                UpdateExpression=_TAKE,
                ExpressionAttributeValues={
                    ":epoch": {"N": str(int(now.timestamp()))},
                    ":now": {"S": now.astimezone(UTC).isoformat(timespec="seconds")},
                    ":token": {"S": claim.token_digest},
                    ":certificate": {"S": claim.certificate_id},
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise RefusedError(_why(claim, error.response.get("Item"), now)) from None
        thing_name: str = answer["Attributes"]["thing_name"]["S"]
        return thing_name


def _why(claim: Claim, item: Mapping[str, Any] | None, now: datetime) -> str:
    if not item:
        return f"{claim.serial_number} is not on the allow-list"
    if "expires_at" in item and int(item["expires_at"]["N"]) <= now.timestamp():
        until = datetime.fromtimestamp(int(item["expires_at"]["N"]), UTC)
        return f"{claim.serial_number} was allowed until {until.isoformat()} only"
    return f"{claim.serial_number} was used at {item['used_at']['S']} by another device"
