"""Checks whether a topic rule can read a payload, and serialises the rule's result."""

from __future__ import annotations

import functools
import json
from typing import Any

from ministack.services import iot

from contracts.json_text import parsed


def payload_problem(rule: dict[str, Any], payload: bytes) -> str | None:
    """Returns why a rule cannot select from a payload; None if it can.

    A rule with only ``SELECT *`` forwards any payload unchanged; a rule that only encodes the
    payload accepts any payload, too. AWS documents the error action, not which JSON it parses.
    Here, a rule reads what `contracts.json_text` describes, so no result has a number that JSON
    lacks, and no payload ends the process.
    """
    if not rule or rule.get("ruleDisabled") or not _reads_attributes(rule.get("sql", "")):
        return None
    try:
        message = parsed(payload or b"")
    except ValueError as error:
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


def message_of(payload: bytes) -> Any:
    """Returns the message that a rule's SELECT clause reads, without loss.

    A JSON document is its value; another payload is its text, or its bytes where it is no text.
    """
    try:
        return parsed(payload or b"")
    except ValueError:
        try:
            return (payload or b"").decode()
        except UnicodeDecodeError:
            return payload


def document(event: Any) -> bytes:
    """Serialises a rule's result in the form that its action writes."""
    if isinstance(event, bytes):
        return event
    return event.encode() if isinstance(event, str) else json.dumps(event, allow_nan=False).encode()
