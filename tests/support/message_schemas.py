"""JSON Schemas of messages that only tests validate; devices build the messages by code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from contracts.messages import telemetry

_FOLDER = Path(telemetry.__file__).parent


def batch_schema() -> dict[str, Any]:
    """Returns the schema of a batch of version 1 readings; ``$defs`` has a reading's."""
    return _schema("telemetry_batch") | {"$defs": {"telemetry": telemetry.json_schema()}}


def status_schema() -> dict[str, Any]:
    """Returns the schema of a device's status document."""
    return _schema("telemetry_status")


def _schema(name: str) -> dict[str, Any]:
    path = _FOLDER / f"{name}.v1.schema.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema
