"""The topic that every alarm of an environment is told to, encrypted with the data key."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.sns_topic import SnsTopic
from cdktf_cdktf_provider_aws.sns_topic_policy import SnsTopicPolicy
from constructs import Construct

from contracts.names import Names
from infra.modules.core.policy import Statement, document


@dataclass(frozen=True)
class AlarmTopicInputs:
    """Whose alarms they are, and the key that encrypts them until they are read."""

    names: Names
    key_arn: str


class AlarmTopic(Construct):
    """Where people and machines subscribe who want to hear of alarms.

    Subscriptions are not declared here: one by mail must be confirmed by who gets it.
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
                _telling(names, "Alarms", "cloudwatch", f"alarm:{names.prefix}*"),
                _telling(names, "Events", "events", f"rule/{names.prefix}*"),
                _telling(names, "Budget", "budgets", "*"),
            ),
        )


def _telling(names: Names, sid: str, service: str, source: str) -> Statement:
    """Leave for a service to publish what has happened to our own things."""
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
