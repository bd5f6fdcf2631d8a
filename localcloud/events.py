"""Events that AWS's services send to EventBridge by themselves; PutEvents refuses their sources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ministack.services import eventbridge


def emit(source: str, detail_type: str, resource: str, detail: Mapping[str, Any]) -> None:
    """Put an event on the default bus.

    Parameters
    ----------
    source
        The service, such as ``aws.sagemaker``.
    resource
        ARN of what the event is about.
    """
    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Resources": [resource],
        "Detail": json.dumps(detail),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
