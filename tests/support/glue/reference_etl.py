"""Reference parser and validator of lines in plain Python, against which the jobs are tested."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.messages.telemetry import (
    CONCENTRATION_FLOORS,
    CONCENTRATION_LIMITS,
    POLLUTANTS,
)

NEXT_OBJECT = re.compile(r"\s*,?\s*\{")
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?")
TEXTS = ("thing_name", "device_id", "boot_id", "timestamp")
INTEGERS = ("schema_version", "sequence", "received_at")
OLD = {"particulate_matter": "particullate_matter", "sulfur_dioxide": "sulfure_dioxide"}
DOUBLES = (*POLLUTANTS, *OLD.values(), "longitude", "latitude")


def split(line: str) -> list[str]:
    """Return the messages on a line."""
    pieces, start, depth, in_string, skip = [], 0, 0, False, False
    for place, character in enumerate(line):
        if skip:
            skip = False
        elif in_string:
            skip = character == "\\"
            in_string = character != '"'
        elif character == '"':
            in_string = True
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
            if character == "}" and depth <= 0 and NEXT_OBJECT.match(line, place + 1):
                pieces.append(line[start : place + 1])
                start, depth = place + 1, 0
    pieces.append(line[start:])
    return [piece.strip(", \t\r\n") for piece in pieces if piece.strip(", \t\r\n")]


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def judge(
    text: str, arrived: datetime, max_age: timedelta = timedelta(days=400)
) -> tuple[str | None, dict[str, Any]]:
    """Return the reason for quarantine, or None and the reading."""
    try:
        fields = json.loads(text, parse_constant=_no_constant)
    except ValueError:
        return "not_json", {}
    if not isinstance(fields, dict):
        return "not_json", {}
    if "readings" in fields:
        return "bad_batch", {}

    def has(name: str, *types: type) -> bool:
        value = fields.get(name)
        return value is None or (type(value) in types)

    for name in INTEGERS:
        number = fields.get(name)
        if (
            not has(name, int, float)
            or abs(number or 0) >= 2**63
            or number != (number and int(number))
        ):
            return "wrong_type", {}
    if not all(has(name, str) for name in TEXTS):
        return "wrong_type", {}
    if not all(has(name, int, float) for name in DOUBLES):
        return "wrong_type", {}
    thing, device = fields.get("thing_name"), fields.get("device_id")
    identity = [fields.get("boot_id"), fields.get("sequence")]
    version = fields.get("schema_version")
    received = arrived
    if fields.get("received_at") is not None:
        received = datetime.fromtimestamp(fields["received_at"] / 1000, UTC)
    if not thing:
        return "missing_thing_name", {}
    if not re.fullmatch("[a-zA-Z0-9:_-]{1,128}", thing):
        return "bad_thing_name", {}
    if version not in (None, 1):
        return "unknown_version", {}
    if device is not None and device != thing:
        return "foreign_device", {}
    if (version, *identity) != (None, None, None) and None in (device, *identity):
        return "missing_identity", {}
    if fields.get("timestamp") is None:
        return "missing_time", {}
    taken = _time(fields["timestamp"])
    if taken is None:
        return "bad_time", {}
    if taken < datetime(2000, 1, 1, tzinfo=UTC):
        return "before_2000", {}
    if arrived - taken > max_age:
        return "too_old", {}
    if taken > received + timedelta(days=1):
        return "in_the_future", {}
    longitude, latitude = fields.get("longitude"), fields.get("latitude")
    if longitude == latitude == 0:
        return "no_position", {}
    if not (
        (identity[1] or 0) >= 0 and -180 <= (longitude or 0) <= 180 and -90 <= (latitude or 0) <= 90
    ):
        return "out_of_range", {}
    values = {
        p: fields[p] if fields.get(p) is not None else fields.get(OLD.get(p, p)) for p in POLLUTANTS
    }
    given = {p: value for p, value in values.items() if value is not None}
    possible = {
        p: value
        for p, value in given.items()
        if CONCENTRATION_FLOORS[p] <= value <= CONCENTRATION_LIMITS[p]
    }
    if given and not possible:
        return "impossible_concentration", {}
    return None, {
        "device_id": thing,
        "boot_id": identity[0],
        "sequence": identity[1],
        "seconds": taken.timestamp(),
        **{p: float(possible[p]) if p in possible else None for p in POLLUTANTS},
    }


def _time(text: str) -> datetime | None:
    if not RFC_3339.fullmatch(text):
        return None
    leap = re.match(r"\d{4}-(06-30|12-31).23:59:60", text) and text.endswith("Z")
    try:
        time = datetime.fromisoformat(text.replace(":60", ":59", 1) if leap else text)
        time += timedelta(seconds=1 if leap else 0)
    except (ValueError, OverflowError):
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
