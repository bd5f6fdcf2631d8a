"""A DynamoDB table: encrypted, on-demand, with point-in-time recovery and deletion protection."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.dynamodb_table import (
    DynamodbTable,
    DynamodbTableAttribute,
    DynamodbTablePointInTimeRecovery,
    DynamodbTableServerSideEncryption,
    DynamodbTableTtl,
)
from constructs import Construct


@dataclass(frozen=True)
class TableInputs:
    """Name, key, expiry and protection of a table.

    Parameters
    ----------
    hash_key, range_key
        Key attributes, of type string.
    expires_by
        Attribute with the time when an item expires; None if items do not expire.
    """

    name: str
    key_arn: str
    prevent_destroy: bool
    hash_key: str
    range_key: str | None = None
    expires_by: str | None = None


class Table(Construct):
    """A DynamoDB table."""

    def __init__(self, scope: Construct, id_: str, inputs: TableInputs) -> None:
        super().__init__(scope, id_)
        keys = [key for key in (inputs.hash_key, inputs.range_key) if key is not None]
        DynamodbTable(
            self,
            "this",
            name=inputs.name,
            billing_mode="PAY_PER_REQUEST",
            hash_key=inputs.hash_key,
            range_key=inputs.range_key,
            attribute=[DynamodbTableAttribute(name=key, type="S") for key in keys],
            ttl=DynamodbTableTtl(attribute_name=inputs.expires_by, enabled=True)
            if inputs.expires_by
            else None,
            point_in_time_recovery=DynamodbTablePointInTimeRecovery(enabled=True),
            server_side_encryption=DynamodbTableServerSideEncryption(
                enabled=True, kms_key_arn=inputs.key_arn
            ),
            deletion_protection_enabled=inputs.prevent_destroy,
            lifecycle=TerraformResourceLifecycle(prevent_destroy=inputs.prevent_destroy),
        )
