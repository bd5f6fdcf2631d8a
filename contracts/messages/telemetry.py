"""The telemetry message: its versions, its identity, what it may say, and its topic.

The JSON Schema of version 1 stands beside this file in ``telemetry.v1.schema.json``. A further
version is an entry of `VERSIONS`: the ETL reads whatever stands there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

SCHEMA_VERSION = 1
"""What devices send."""

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

FieldType = Literal["text", "integer", "number"]
"""Text, a whole number of 64 bits, or a number: what JSON can tell apart."""

STAMPS: Mapping[str, FieldType] = {"thing_name": "text", "received_at": "integer"}
"""What the topic rule adds: who published the message, and when it came (ms since 1970)."""


@dataclass(frozen=True)
class Version:
    """What a message of one version means.

    Parameters
    ----------
    number
        Value of ``schema_version``; None where there is none.
    fields
        Types of the fields that the ETL reads. It keeps all others as text.
    identity
        Fields that must be there.
    spellings
        Fields that stand in another column of the lake than that of their name. An empty column
        takes the value of any such field, whatever the version: senders mix them.
    """

    number: int | None
    fields: Mapping[str, FieldType]
    identity: tuple[str, ...] = IDENTITY
    spellings: Mapping[str, str] = field(default_factory=dict)


_READING: Mapping[str, FieldType] = {
    "device_id": "text",
    "boot_id": "text",
    "sequence": "integer",
    "timestamp": "text",
    **dict.fromkeys((*POLLUTANTS, "longitude", "latitude"), "number"),
}
_LEGACY_SPELLINGS = {
    "particullate_matter": "particulate_matter",
    "sulfure_dioxide": "sulfur_dioxide",
}

VERSIONS = (
    Version(
        number=None,
        fields={**_READING, **dict.fromkeys(_LEGACY_SPELLINGS, "number")},
        identity=(),  # the thing's name and the time stand for it
        spellings=_LEGACY_SPELLINGS,
    ),
    Version(number=1, fields=_READING),
)
"""From before version 1, and version 1."""


def field_types(versions: Iterable[Version]) -> dict[str, FieldType]:
    """Types of all fields that messages of some versions, and the rule, may have.

    Raises
    ------
    ValueError
        Two versions give one field different types: a new type needs a new name.
    """
    types: dict[str, FieldType] = {"schema_version": "integer", **STAMPS}
    for version in versions:
        for name, type_ in version.fields.items():
            if types.setdefault(name, type_) != type_:
                raise ValueError(
                    f"version {version.number}: expected {name} to be {types[name]}, as in other "
                    f"versions; got {type_}"
                )
    return types


CONCENTRATION_LIMITS = {
    "ozone": 5_000,
    "particulate_matter": 10_000,
    "carbon_monoxide": 1_000_000,
    "sulfur_dioxide": 10_000,
    "nitrogen_dioxide": 5_000,
}
"""µg/m³ above which a value is a fault of the sensor or of its unit, not air.

Gases: ten times the range for which Europe's standards certify analysers of ambient air: 500
(ozone, EN 14625), 100,000 (CO, EN 14626), 1,000 (SO₂, EN 14212) and 500 (NO₂, EN 14211). PM2.5:
the most that automated systems measure as an hour's mean (EN 16450). The worst hours of eight
stations in Beijing from 2013 to 2017 were 1,071, 898 (PM2.5), 10,000 (CO), 500 and 290.
"""

EARLIEST = "2000-01-01T00:00:00Z"
"""Before this nothing was measured: a clock that was never set starts in 1970 or 1980."""

CLOCK_TOLERANCE_HOURS = 24
"""How far the time of a reading may lie ahead of its arrival: no clock is exact, and a device
that takes local time for UTC is wrong by up to 14 hours."""

MESSAGE_LIMIT_BYTES = 128 * 1024
"""AWS IoT's limit of a message.
https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
"""

MAX_PAYLOAD_BYTES = MESSAGE_LIMIT_BYTES - 1024
"""Most bytes of a payload, which bounds how many readings a batch can carry: brokers count the
topic and the header too, and the difference is left to them."""


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
    return _schema("telemetry.v1.schema.json")


def batch_schema() -> dict[str, Any]:
    """JSON Schema of several version 1 readings in one message, with the message's in ``$defs``."""
    return _schema("telemetry_batch.v1.schema.json") | {"$defs": {"telemetry": json_schema()}}


def status_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of what a device says of itself."""
    return _schema("telemetry_status.v1.schema.json")


def _schema(name: str) -> dict[str, Any]:
    path = Path(__file__).with_name(name)
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema
