"""Emits events of AWS services to EventBridge and checks the roles of rules' targets.

ministack's PutEvents refuses sources of AWS services, as AWS does, and its rules start state
machines without checking permissions.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from ministack.core.arn import parse_arn
from ministack.services import eventbridge, sqs

from localcloud.services.iam import roles

logger = logging.getLogger("localcloud.services.eventbridge.events")

_PRINCIPAL = "events.amazonaws.com"


def install() -> None:
    """Makes rules check the permissions of their targets' roles."""
    invoke = eventbridge._invoke_target

    def invoke_target(target: Mapping[str, Any], event: Any, rule: Any, view: Any = None) -> None:
        arn = target.get("Arn", "")
        if arn.startswith("arn:aws:states:"):
            try:
                roles.check_allows(
                    target.get("RoleArn", ""),
                    _PRINCIPAL,
                    "states:StartExecution",
                    arn,
                    arn.split(":")[3],
                    rule["Arn"],
                )
            except roles.RoleError as error:  # AWS counts a failed invocation and continues
                logger.warning("rule %s cannot start %s: %s", rule["Name"], arn, error)
                _keep(target, event, rule, str(error))
                return
        invoke(target, event, rule, view)

    eventbridge._invoke_target = invoke_target


def _keep(target: Mapping[str, Any], event: Any, rule: Any, reason: str) -> None:
    """Puts an event into its target's dead-letter queue; without permission AWS does not retry.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    arn = target.get("DeadLetterConfig", {}).get("Arn")
    queue = sqs._queue_by_arn(arn) if arn else None
    if queue is None:
        return
    view = eventbridge._pattern_event_view(event)
    payload = json.dumps(view.event_with_detail(), allow_nan=False)
    eventbridge._dispatch_to_sqs(parse_arn(arn), payload)
    queue["messages"][-1]["message_attributes"] = {
        name: {"DataType": "String", "StringValue": value}
        for name, value in (
            ("ERROR_CODE", "NO_PERMISSIONS"),
            ("ERROR_MESSAGE", reason),
            ("RULE_ARN", rule["Arn"]),
            ("TARGET_ARN", target["Arn"]),
        )
    }


def emit(source: str, detail_type: str, resource: str, detail: Mapping[str, Any]) -> None:
    """Puts an event on the default bus.

    Parameters
    ----------
    source
        Service, such as ``aws.sagemaker``.
    resource
        ARN of the resource that the event refers to.
    """
    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Resources": [resource],
        "Detail": json.dumps(detail, allow_nan=False),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
