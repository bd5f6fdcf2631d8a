"""CloudWatch log groups with retention, encrypted with the data key."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from constructs import Construct

from infra.modules.core.skips import skip


@dataclass(frozen=True)
class LogGroupInputs:
    """Name and retention of a log group."""

    name: str
    retention_days: int
    key_arn: str


class LogGroup(Construct):
    """An encrypted log group with retention."""

    def __init__(self, scope: Construct, id_: str, inputs: LogGroupInputs) -> None:
        super().__init__(scope, id_)
        group = CloudwatchLogGroup(
            self,
            "this",
            name=inputs.name,
            retention_in_days=inputs.retention_days,
            kms_key_id=inputs.key_arn,
        )
        if inputs.retention_days < 365:
            skip(
                group,
                CKV_AWS_338="only prod keeps logs for a year; see [retention] log_days",
            )
