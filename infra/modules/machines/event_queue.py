"""The queue of events that EventBridge could not deliver to their target."""

from __future__ import annotations

from cdktf_cdktf_provider_aws.cloudwatch_event_target import (
    CloudwatchEventTargetDeadLetterConfig,
    CloudwatchEventTargetRetryPolicy,
)
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from cdktf_cdktf_provider_aws.sqs_queue_policy import SqsQueuePolicy
from constructs import Construct

from contracts.names import Names
from infra.modules.core.policy import Statement, document

_DAYS = 14
"""SQS's longest retention."""

RETRIES = CloudwatchEventTargetRetryPolicy(
    maximum_event_age_in_seconds=2 * 3600, maximum_retry_attempts=185
)
"""Retries of a delivery, for two hours. AWS's default is a day: too late for a nightly start."""


def dead_letters(names: Names) -> CloudwatchEventTargetDeadLetterConfig:
    """Returns the queue as the dead-letter queue of a rule's target."""
    return CloudwatchEventTargetDeadLetterConfig(arn=names.arn("sqs", names.event_queue))


class EventQueue(Construct):
    """The dead-letter queue of all rules, encrypted by SQS's own key.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """

    def __init__(self, scope: Construct, id_: str, names: Names) -> None:
        super().__init__(scope, id_)
        queue = SqsQueue(
            self,
            "this",
            name=names.event_queue,
            message_retention_seconds=_DAYS * 24 * 3600,
            sqs_managed_sse_enabled=True,
        )
        SqsQueuePolicy(
            self,
            "policy",
            queue_url=queue.url,
            policy=document(
                Statement(
                    "UndeliveredEvents",
                    ("sqs:SendMessage",),
                    (names.arn("sqs", names.event_queue),),
                    principals={"Service": "events.amazonaws.com"},
                    conditions={
                        "ArnLike": {"aws:SourceArn": names.arn("events", f"rule/{names.prefix}*")}
                    },
                )
            ),
        )
