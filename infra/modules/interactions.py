"""The table of the forecasts that were asked for and given."""

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
class InteractionsInputs:
    """The table's name, its key, and whether it may be destroyed."""

    name: str
    key_arn: str
    prevent_destroy: bool


class Interactions(Construct):
    """A device's interactions by time: the question that is put to it. Items expire."""

    def __init__(self, scope: Construct, id_: str, inputs: InteractionsInputs) -> None:
        super().__init__(scope, id_)
        DynamodbTable(
            self,
            "this",
            name=inputs.name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="device_id",
            range_key="asked_at",
            attribute=[
                DynamodbTableAttribute(name="device_id", type="S"),
                DynamodbTableAttribute(name="asked_at", type="S"),
            ],
            ttl=DynamodbTableTtl(attribute_name="expires_at", enabled=True),
            point_in_time_recovery=DynamodbTablePointInTimeRecovery(enabled=True),
            server_side_encryption=DynamodbTableServerSideEncryption(
                enabled=True, kms_key_arn=inputs.key_arn
            ),
            deletion_protection_enabled=inputs.prevent_destroy,
            lifecycle=TerraformResourceLifecycle(prevent_destroy=inputs.prevent_destroy),
        )
