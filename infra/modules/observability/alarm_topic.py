"""The SNS topic of an environment's alarms, encrypted with the data key."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf import TerraformVariable
from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from cdktf_cdktf_provider_aws.sns_topic_subscription import SnsTopicSubscription
from constructs import Construct

from contracts.names import Names
from infra.modules.core.policy import Statement, document
from infra.modules.core.variables import ALARM_EMAILS


@dataclass(frozen=True)
class AlarmTopicInputs:
    """Names of the environment and the key that encrypts messages at rest."""

    names: Names
    key_arn: str


class AlarmTopic(Construct):
    """The topic of all alarms, and the people who receive them by e-mail.

    Their addresses are a sensitive variable of Terraform, by an id that a plan may show. They are
    never in the code; `infra.estate.subscribers` gives them to a plan. Each recipient has to
    confirm the subscription.
    """

    def __init__(self, scope: Construct, id_: str, inputs: AlarmTopicInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        topic = SnsTopic(self, "this", name=names.alarm_topic, kms_master_key_id=inputs.key_arn)
        SnsTopicPolicy(
            self,
            "policy",
            arn=topic.arn,
            policy=document(
                _publishing(names, "Alarms", "cloudwatch", f"alarm:{names.prefix}*"),
                _publishing(names, "Events", "events", f"rule/{names.prefix}*"),
                _publishing(names, "Budget", "budgets", "*"),
            ),
        )
        emails = TerraformVariable(
            self,
            "emails",
            type="map(string)",
            default={},
            sensitive=True,
            description="E-mail addresses of the alarms' recipients, by id",
        )
        emails.override_logical_id(ALARM_EMAILS)
        subscription = SnsTopicSubscription(
            self,
            "email",
            topic_arn=topic.arn,
            protocol="email",
            endpoint=f"${{var.{ALARM_EMAILS}[each.key]}}",
        )
        subscription.add_override("for_each", f"${{toset(nonsensitive(keys(var.{ALARM_EMAILS})))}}")


def _publishing(names: Names, sid: str, service: str, source: str) -> Statement:
    """Returns the permission for a service to publish events of the environment's resources."""
    return Statement(
        sid,
        ("sns:Publish",),
        (names.alarm_topic_arn,),
        principals={"Service": f"{service}.amazonaws.com"},
        conditions={
            "StringEquals": {"aws:SourceAccount": names.account_id},
            "ArnLike": {"aws:SourceArn": names.arn(service, source)},
        },
    )
