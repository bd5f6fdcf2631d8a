"""The KMS key that encrypts the estate's data."""

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
    """Names, deletion period and protection of a customer managed key.

    Parameters
    ----------
    deletion_days
        Days during which a deletion can be cancelled.
    """

    names: Names
    deletion_days: int
    prevent_destroy: bool


class DataKey(Construct):
    """A key with yearly rotation; each role's own policy permits its use through the alias."""

    def __init__(self, scope: Construct, id_: str, inputs: KeyInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        account = Statement(
            "Account",
            # KMS's default: without it nobody, not even the creator, can use the key, and IAM
            # policies have no effect on it. In a key policy, * is the key itself.
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
            ),
            ("*",),  # in a key policy, * is the key itself
            principals={"Service": f"logs.{names.region}.amazonaws.com"},
            conditions={
                "ArnLike": {"kms:EncryptionContext:aws:logs:arn": names.log_group_arn("*")}
            },
        )
        alarms = Statement(
            "AlarmTopic",  # services that encrypt what they publish to an encrypted topic
            ("kms:Decrypt", "kms:GenerateDataKey*"),
            ("*",),  # in a key policy, * is the key itself
            principals={"Service": ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]},
            conditions={"StringEquals": {"aws:SourceAccount": names.account_id}},
        )
        events = Statement(
            "EventsToAlarmTopic",
            ("kms:Decrypt", "kms:GenerateDataKey*"),
            ("*",),  # in a key policy, * is the key itself
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
