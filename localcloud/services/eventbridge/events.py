"""Emits events of AWS services to EventBridge and checks the roles of rules' targets.

ministack's PutEvents refuses sources of AWS services, as AWS does, and its rules start state
machines without checking permissions.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from ministack.services import eventbridge

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
                return
        invoke(target, event, rule, view)

    eventbridge._invoke_target = invoke_target


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
