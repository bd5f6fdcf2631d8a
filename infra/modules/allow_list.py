"""The table of the serial numbers that may claim a certificate."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.dynamodb_table import (
    DynamodbTable,
    DynamodbTableAttribute,
    DynamodbTablePointInTimeRecovery,
    DynamodbTableServerSideEncryption,
)
from constructs import Construct


@dataclass(frozen=True)
class AllowListInputs:
    """The table's name, its key, and whether it may be destroyed."""

    name: str
    key_arn: str
    prevent_destroy: bool


class AllowList(Construct):
    """One item a serial number. Nothing expires by itself: who used what is worth knowing later."""

    def __init__(self, scope: Construct, id_: str, inputs: AllowListInputs) -> None:
        super().__init__(scope, id_)
        DynamodbTable(
            self,
            "this",
            name=inputs.name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="serial_number",
            attribute=[DynamodbTableAttribute(name="serial_number", type="S")],
            point_in_time_recovery=DynamodbTablePointInTimeRecovery(enabled=True),
            server_side_encryption=DynamodbTableServerSideEncryption(
                enabled=True, kms_key_arn=inputs.key_arn
            ),
            deletion_protection_enabled=inputs.prevent_destroy,
            lifecycle=TerraformResourceLifecycle(prevent_destroy=inputs.prevent_destroy),
        )
