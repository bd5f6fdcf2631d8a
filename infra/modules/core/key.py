"""The key that the estate's data is encrypted with."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.kms_alias import KmsAlias
from cdktf_cdktf_provider_aws.kms_key import KmsKey
from constructs import Construct

from contracts.names import Names
from infra.modules.core.policy import Statement, document


@dataclass(frozen=True)
class KeyInputs:
    """A customer managed key.

    Parameters
    ----------
    deletion_days
        Days in which its deletion can be taken back.
    """

    names: Names
    deletion_days: int
    prevent_destroy: bool


class DataKey(Construct):
    """A yearly rotated key; roles are let use it by their own policies, through its alias."""

    def __init__(self, scope: Construct, id_: str, inputs: KeyInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        account = Statement(
            "Account",
            # KMS's default: without it the key answers to nobody, not even to who made it, and
            # IAM policies could grant nothing on it. The resource of a key's policy is that key.
            ("kms:*",),
            ("*",),
            principals={"AWS": names.arn("iam", "root")},
        )
        logs = Statement(
            "LogGroups",
            (
                "kms:Encrypt",
                "kms:Decrypt",
                "kms:ReEncrypt*",
                "kms:GenerateDataKey*",
                "kms:DescribeKey",
            ),
            ("*",),  # a key's policy is about that key
            principals={"Service": f"logs.{names.region}.amazonaws.com"},
            conditions={
                "ArnLike": {"kms:EncryptionContext:aws:logs:arn": names.log_group_arn("*")}
            },
        )
        alarms = Statement(
            "AlarmTopic",  # these encrypt by themselves what they tell to an encrypted topic
            ("kms:Decrypt", "kms:GenerateDataKey*"),
            ("*",),  # a key's policy is about that key
            principals={"Service": ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]},
            conditions={"StringEquals": {"aws:SourceAccount": names.account_id}},
        )
        events = Statement(
            "EventsToAlarmTopic",
            ("kms:Decrypt", "kms:GenerateDataKey*"),
            ("*",),  # a key's policy is about that key
            principals={"Service": "events.amazonaws.com"},
            # EventBridge sends no source account or ARN to an encrypted topic's key:
            # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
            conditions={
                "StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": names.alarm_topic_arn}
            },
        )
        self.key = KmsKey(
            self,
            "this",
            description=f"Data of Lakecast, {names.environment}",
            enable_key_rotation=True,
            deletion_window_in_days=inputs.deletion_days,
            policy=document(account, logs, alarms, events),
            lifecycle=TerraformResourceLifecycle(prevent_destroy=inputs.prevent_destroy),
        )
        KmsAlias(self, "alias", name=names.key_alias, target_key_id=self.key.key_id)

    @property
    def arn(self) -> str:
        return self.key.arn
