"""A sound message of version 1, which tests change to see what becomes of it."""

from __future__ import annotations

from typing import Any

SOUND: dict[str, Any] = {
    "schema_version": 1,
    "device_id": "north",
    "boot_id": "b",
    "sequence": 7,
    "timestamp": "2026-06-01T12:00:00Z",
    "ozone": 61.5,
}
"""The message as the device sends it."""

DELIVERED = SOUND | {"thing_name": "north"}
"""The message as the topic rule delivers it, without the time of its arrival."""
