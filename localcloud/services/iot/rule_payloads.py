"""What a topic rule can read of a payload, and how it writes what it made of it."""

from __future__ import annotations

import functools
import json
from typing import Any

from ministack.services import iot


def unreadable(rule: dict[str, Any], payload: bytes) -> str | None:
    """Why a rule can't select from a payload; None where it can.

    A rule that says ``SELECT *`` and no more passes on any payload as it is, and so does one that
    only encodes it.
    """
    if not rule or rule.get("ruleDisabled") or not _reads_attributes(rule.get("sql", "")):
        return None
    try:
        message = json.loads(payload or b"")
    except ValueError as error:  # UnicodeDecodeError is one too
        return f"Failed to parse the payload: expected a JSON object; got no JSON ({error})"
    if isinstance(message, dict):
        return None
    return f"Failed to parse the payload: expected a JSON object; got {type(message).__name__}"


@functools.lru_cache(maxsize=1024)
def _reads_attributes(sql: str) -> bool:
    items = iot._split_select_items(iot._rule_select_clause(sql)) or ["*"]
    if len(items) == 1 and items[0].strip() == "*":
        return False
    expressions = [iot._split_select_alias(item)[0] for item in items]
    return any(one == "*" or iot._SELECT_ATTR_RE.match(one) for one in expressions)


def document(event: Any) -> bytes:
    """What a rule made of a message, as its action writes it."""
    if isinstance(event, bytes):
        return event
    return event.encode() if isinstance(event, str) else json.dumps(event).encode()
