"""The telemetry message: its fields, its identity, and the topic it travels on.

The JSON Schema of version 1 stands beside this file in ``telemetry.v1.schema.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1

POLLUTANTS = (
    "ozone",
    "particulate_matter",
    "carbon_monoxide",
    "sulfur_dioxide",
    "nitrogen_dioxide",
)
"""Measured concentrations, each in µg/m³; null means not measured."""

IDENTITY = ("device_id", "boot_id", "sequence")
"""Two messages with the same values of these fields are the same message."""

LEGACY_FIELD_NAMES = {
    "particullate_matter": "particulate_matter",
    "sulfure_dioxide": "sulfur_dioxide",
}
"""Spellings of devices from before version 1, which also send no identity."""

MAX_PAYLOAD_BYTES = 128 * 1024
"""AWS IoT's limit of a message, which bounds how many readings a batch can carry.
https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
"""


def topic(thing_name: str) -> str:
    """MQTT topic on which the thing of that name, and no other, may publish."""
    return f"telemetry/{thing_name}"


def basic_ingest_topic(rule: str, thing_name: str) -> str:
    """MQTT topic that takes the same message to one rule alone, past the message broker.

    The rule sees `topic` of the thing: AWS takes the first three levels off.
    https://docs.aws.amazon.com/iot/latest/developerguide/iot-basic-ingest.html
    """
    return f"$aws/rules/{rule}/{topic(thing_name)}"


def status_topic(thing_name: str) -> str:
    """MQTT topic on which that thing says that it came and went, and its last will that it is lost.

    All of it is retained; ``telemetry_status.v1.schema.json`` describes the document.
    The device policy must allow publishing on it: AWS refuses a connection whose will it would not
    let the device publish, and retain.
    """
    return f"status/{thing_name}"


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a version 1 message."""
    return _schema("telemetry.v1")


def batch_schema() -> dict[str, Any]:
    """JSON Schema of several version 1 readings in one message, with the message's in ``$defs``."""
    return _schema("telemetry_batch.v1") | {"$defs": {"telemetry": json_schema()}}


def status_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of what a device says of itself."""
    return _schema("telemetry_status.v1")


def _schema(name: str) -> dict[str, Any]:
    path = Path(__file__).with_name(f"{name}.schema.json")
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema
