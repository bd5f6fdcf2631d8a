"""The telemetry message: its versions, identity, value ranges and topics.

The JSON Schema of version 1 is ``telemetry.v1.schema.json`` in this folder. To add a version, add
an entry to `VERSIONS`: the ETL reads all versions listed there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

SCHEMA_VERSION = 1
"""Version that devices send."""

POLLUTANTS = (
    "ozone",
    "particulate_matter",
    "carbon_monoxide",
    "sulfur_dioxide",
    "nitrogen_dioxide",
)
"""Measured concentrations, each in µg/m³; null means not measured."""

IDENTITY = ("device_id", "boot_id", "sequence")
"""Fields that identify a message, together with its time. A device that has lost count sends the
same values again at another time, so the time decides."""

FieldType = Literal["text", "integer", "number"]
"""Text, a 64-bit integer, or a number: the types that JSON distinguishes."""

THING_NAME = "[a-zA-Z0-9:_-]{1,128}"
"""Pattern of the names that AWS IoT gives to things; a device has the name of its thing.
https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThing.html
"""

SMOKE_DEVICES = "lakecast-smoke-"
"""Start of the names of a smoke test's devices. Runs of ``telemetry_to_parquet`` leave their
messages out, except the smoke test's own run, which reads no others."""

STAMPS: Mapping[str, FieldType] = {"thing_name": "text", "received_at": "integer"}
"""Fields that the topic rule adds: the publisher and the arrival time (ms since 1970)."""


@dataclass(frozen=True)
class Version:
    """One version of the message.

    Parameters
    ----------
    number
        Value of ``schema_version``; None if messages have no such field.
    fields
        Types of the fields that the ETL reads. It keeps all others as text.
    identity
        Required fields.
    spellings
        Fields stored in a column with another name, in every version, because senders mix them.
        If a message has values under both names, the one under the column's name is stored.
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
        identity=(),  # replaced by the thing's name and the time
        spellings=_LEGACY_SPELLINGS,
    ),
    Version(number=1, fields=_READING),
)
"""Messages without a version, and version 1."""


def field_types(versions: Iterable[Version]) -> dict[str, FieldType]:
    """Returns the types of all fields of the given versions and of the rule.

    Raises
    ------
    ValueError
        Two versions give one field different types; a new type needs a new name.
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
"""µg/m³ above which a value comes from a faulty sensor or a wrong unit.

Gases: ten times the range for which Europe's standards certify analysers of ambient air: 500
(ozone, EN 14625), 100,000 (CO, EN 14626), 1,000 (SO₂, EN 14212) and 500 (NO₂, EN 14211). PM2.5:
the highest hourly mean that automated systems measure (EN 16450). The worst hours of eight
stations in Beijing from 2013 to 2017 were 1,071, 898 (PM2.5), 10,000 (CO), 500 and 290.
"""

CONCENTRATION_FLOORS = {
    "ozone": -10,
    "particulate_matter": -15,
    "carbon_monoxide": -600,
    "sulfur_dioxide": -14,
    "nitrogen_dioxide": -10,
}
"""µg/m³ below which a value comes from a faulty sensor. A choice of this project, not a standard's.

An instrument in clean air reports values around zero, half of them below it; without these, means
would be too high, so EPA's database takes them down to the detection limit of each instrument.
Here, one limit must fit all instruments of a pollutant. Ozone, SO₂ and NO₂: 5 nmol/mol, from which
on British Columbia discards hourly values. CO: a hundred times that, as the ranges of its analysers
are a hundred times as large or more. PM2.5: beta attenuation monitors reported hourly values down
to -13 in air without particles.
https://rdrr.io/github/bcgov/rcaaqs/man/clean_neg.html
https://doi.org/10.5194/amt-10-2477-2017
"""

EARLIEST = "2000-01-01T00:00:00Z"
"""Earliest valid time: a clock that was never set starts in 1970 or 1980."""

MAX_READING_AGE = timedelta(days=400)
"""Age at arrival above which a reading is of a clock that was not set, unless the settings say
otherwise: the chip of a clock starts in 2000."""

CLOCK_TOLERANCE_HOURS = 24
"""Limit by which a reading's time may be ahead of its arrival: clocks are not exact, and a device
that mistakes local time for UTC is wrong by up to 14 hours."""

MESSAGE_LIMIT_BYTES = 128 * 1024
"""AWS IoT's size limit per message.
https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
"""

MAX_TEXT = 2 * MESSAGE_LIMIT_BYTES
"""Characters of a message with the rule's stamps; longer ones are quarantined."""

MAX_BATCH_TEXT = 16 * 1024 * 1024
"""Limit of a batch's shared fields, in characters, times its readings: each reading gets them."""

MAX_PAYLOAD_BYTES = MESSAGE_LIMIT_BYTES - 1024
"""Maximum size of a payload, which limits the readings per batch. Brokers also count the topic and
the header, so the limit leaves 1 KiB for them."""


def is_thing_name(text: str) -> bool:
    """Returns whether a text is the name of a thing, which is safe as part of a path or topic."""
    return re.fullmatch(THING_NAME, text) is not None


def topic(thing_name: str) -> str:
    """Returns the MQTT topic on which only the thing of that name may publish."""
    return f"telemetry/{thing_name}"


def basic_ingest_topic(rule: str, thing_name: str) -> str:
    """Returns the MQTT topic that sends a message directly to one rule, without the broker.

    The rule sees the thing's `topic`: AWS removes the first three levels.
    https://docs.aws.amazon.com/iot/latest/developerguide/iot-basic-ingest.html
    """
    return f"$aws/rules/{rule}/{topic(thing_name)}"


def status_topic(thing_name: str) -> str:
    """Returns the MQTT topic of a thing's status: connected, disconnected, or (last will) lost.

    Messages are retained; ``telemetry_status.v1.schema.json`` describes the document. The device
    policy must allow the device to publish and retain on it: AWS refuses a connection whose last
    will the device may not publish.
    """
    return f"status/{thing_name}"


def json_schema() -> dict[str, Any]:
    """Returns the JSON Schema (draft 2020-12) of a version 1 message."""
    path = Path(__file__).with_name("telemetry.v1.schema.json")
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema
