"""The SNS topic of an environment's alarms, encrypted with the data key."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from constructs import Construct

from contracts.names import Names
from infra.modules.core.policy import Statement, document


@dataclass(frozen=True)
class AlarmTopicInputs:
    """Names of the environment and the key that encrypts messages at rest."""

    names: Names
    key_arn: str


class AlarmTopic(Construct):
    """The topic to which people and systems subscribe for alarms.

    Subscriptions are not declared here, because the recipient of one by email has to confirm it.
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
