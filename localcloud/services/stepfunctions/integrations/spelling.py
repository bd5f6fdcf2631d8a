"""Translates between tasks, which capitalise all members, and the APIs of services.

https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

_JSON_MEMBERS = frozenset({
    "Detail",  # EventBridge
    "Input",  # Step Functions
    "Message",  # SNS
    "MessageBody",  # SQS
})  # fmt: skip
"""Members that may hold JSON, which the service receives as text."""


def request(value: Any, shape: Shape | None) -> Any:
    """Returns a task's arguments, spelled as the service's API does."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        spelled = {capitalised(name): name for name in shape.members}
        found = {}
        for name, item in value.items():
            known = spelled.get(name, name)
            found[known] = request(_as_text(name, item), shape.members.get(known))
        return found
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [request(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: request(item, shape.value) for name, item in value.items()}
    return value


def response(value: Any, shape: Shape | None, *, is_sdk: bool) -> Any:
    """Returns a service's response as the result of a task."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {
            capitalised(name): response(item, shape.members.get(name), is_sdk=is_sdk)
            for name, item in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [response(item, shape.member, is_sdk=is_sdk) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: response(item, shape.value, is_sdk=is_sdk) for name, item in value.items()}
    if isinstance(value, datetime):
        return _time(value, is_sdk=is_sdk)
    if isinstance(value, bytes | bytearray):
        return value.decode()
    if hasattr(value, "read"):
        return value.read().decode()
    return value


def capitalised(name: str) -> str:
    """Returns a member as tasks spell it."""
    return name[:1].upper() + name[1:]


def _as_text(name: str, value: Any) -> Any:
    if name in _JSON_MEMBERS and not isinstance(value, str):
        return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return value


def _time(value: datetime, *, is_sdk: bool) -> str | int:
    if not is_sdk:
        return int(value.timestamp() * 1000)
    utc = value.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace(
        "+00:00", "Z"
    )
