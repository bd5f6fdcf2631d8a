"""From messages to readings: judged against the contract, each sound or with what is wrong.

What most messages are, Arrow tells of many at once. All others are judged one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from contracts.lake.arrow_schemas import TIME, arrow_schema
from contracts.lake.tables import QUARANTINE, TELEMETRY
from contracts.messages.telemetry import (
    CLOCK_TOLERANCE_HOURS,
    CONCENTRATION_LIMITS,
    EARLIEST,
    IDENTITY,
    POLLUTANTS,
    Version,
)

REASONS = {
    "damaged_object": "the object is cut off or damaged; what could be read of it was",
    "not_json": "the message is not one JSON object",
    "bad_batch": "readings is no list of objects",
    "wrong_type": "a field has a value of another type, such as text in a number",
    "missing_thing_name": "nothing tells which thing published the message",
    "unknown_version": "schema_version is none that the ETL knows",
    "foreign_device": "device_id is not the thing that published the message",
    "missing_identity": "a field of the identity is missing",
    "missing_time": "there is no timestamp",
    "bad_time": "the timestamp is not RFC 3339",
    "before_2000": "the clock was not set",
    "in_the_future": "the clock is wrong: the reading arrived before it was taken",
    "no_position": "longitude and latitude are both 0, what a receiver without a fix reports",
    "out_of_range": "a sequence, longitude or latitude that cannot be",
    "impossible_concentration": "a concentration below 0 or above what any air holds",
}
"""Why a message is in quarantine; where several hold, the first."""

_EARLIEST = datetime.fromisoformat(EARLIEST)
_TOLERANCE = timedelta(hours=CLOCK_TOLERANCE_HOURS)
_RANGES = {"sequence": (0, 2**63 - 1), "longitude": (-180, 180), "latitude": (-90, 90)}
_LIMITS = {name: (0, most) for name, most in CONCENTRATION_LIMITS.items()}
_LAST_STAMP = 253_402_300_799_999  # the year 9999 ends; Python knows no later one

JUDGED = pa.schema([*arrow_schema(TELEMETRY), *arrow_schema(QUARANTINE), ("arrived", TIME)])
"""Columns of a judged message: the reading, ``source`` (object key), ``reason`` (null: it is
sound), ``detail`` and ``raw_line`` where there is a reason, ``arrived`` (hour in the key)."""

Fault = tuple[str, str]
"""Reason and detail."""


def judged(
    messages: pa.Table,
    versions: tuple[Version, ...],
    source: str,
    arrived: datetime,
    published_by: str | None,
) -> pa.Table:
    """Messages of one object as readings, or with a reason for quarantine.

    Parameters
    ----------
    messages
        As of `glue_jobs.telemetry.parsing.MessageParser`, with the fields of the same versions.
    source, arrived
        Key of the object, and the hour in it.
    published_by
        The thing, where the topic tells; None where the rule has stamped the messages.

    Returns
    -------
    pa.Table
        One row a message: `JUDGED`.
    """
    count = messages.num_rows
    stamps = messages["received_at"]
    thing: pa.Array = messages["thing_name"]
    received: pa.Array = pa.repeat(pa.scalar(arrived, TIME), count)
    if published_by is None:
        stamped = stamps.cast(pa.timestamp("ms", "UTC")).cast(TIME, safe=False)
        received = pc.if_else(_within(stamps, 0, _LAST_STAMP, null=False), stamped, received)
    else:
        thing = pa.repeat(pa.scalar(published_by, pa.string()), count)
    found: dict[str, pa.Array] = {
        **{name: messages[name] for name in ("device_id", "boot_id", "sequence", "extra")},
        **{name: messages[name] for name in ("longitude", "latitude", "raw_line")},
        **{name: _pollutant(messages, name, versions) for name in POLLUTANTS},
        "schema_version": messages["schema_version"],
        "written": messages["timestamp"],
        "timestamp": messages["taken_at"],
        "thing_name": thing,
        "received_at": received,
        "reason": messages["fault"],
        "detail": messages["fault_detail"],
    }
    found |= _verdicts(pa.table(found), versions)
    refused = pc.is_valid(found["reason"])
    nothing = pa.scalar(None, pa.string())
    found |= {
        "device_id": pc.coalesce(found["device_id"], thing),
        # only a known version is sure to fit
        "schema_version": pc.if_else(refused, None, found["schema_version"]).cast(pa.int32()),
        "raw_line": pc.if_else(refused, pc.utf8_rtrim(found["raw_line"], "\n"), nothing)
        if pc.any(refused).as_py()
        else pa.nulls(count, pa.string()),
        "source": pa.repeat(pa.scalar(source, pa.string()), count),
        "arrived": pa.repeat(pa.scalar(arrived, TIME), count),
    }
    return pa.table([found[name] for name in JUDGED.names], JUDGED).combine_chunks()


def _pollutant(messages: pa.Table, name: str, versions: tuple[Version, ...]) -> pa.Array:
    spelled = dict.fromkeys((name, *_spellings(name, versions)))
    return pc.coalesce(*(messages[field] for field in spelled if field in messages.column_names))


def _spellings(name: str, versions: tuple[Version, ...]) -> Iterator[str]:
    for version in versions:
        yield from (old for old, column in version.spellings.items() if column == name)


def _verdicts(messages: pa.Table, versions: tuple[Version, ...]) -> dict[str, pa.Array]:
    """Columns ``reason`` and ``detail``, with those of the parser."""
    unusual = pc.invert(_is_ordinary(messages, versions))
    if not pc.any(unusual).as_py():
        return {}
    places = pc.indices_nonzero(unusual)
    rows = messages.drop_columns(["extra", "raw_line"]).take(places).to_pylist()
    faults: list[Fault | tuple[None, None]] = [(None, None)] * messages.num_rows
    for place, row in zip(places.to_pylist(), rows, strict=True):
        if row["reason"] is not None:
            faults[place] = row["reason"], row["detail"]
        else:
            faults[place] = next(_faults(row, versions), (None, None))
    reasons, details = zip(*faults, strict=True)
    return {"reason": pa.array(reasons, pa.string()), "detail": pa.array(details, pa.string())}


def _is_ordinary(messages: pa.Table, versions: tuple[Version, ...]) -> pa.Array:
    """What has no fault for sure: `_faults` says nothing of it."""
    thing, time = messages["thing_name"], messages["timestamp"]
    latest = pc.add(messages["received_at"], pa.scalar(_TOLERANCE))
    conditions = [
        pc.is_null(messages["reason"]),
        pc.fill_null(pc.not_equal(thing, ""), False),
        pc.fill_null(pc.equal(messages["device_id"], thing), True),
        reduce(pc.or_, (_is_complete(messages, version) for version in versions)),
        pc.fill_null(pc.greater_equal(time, pa.scalar(_EARLIEST, TIME)), False),
        pc.fill_null(pc.less_equal(time, latest), False),
        pc.fill_null(
            pc.or_(*(pc.not_equal(messages[n], 0) for n in ("longitude", "latitude"))), True
        ),
        *(_within(messages[name], *limits) for name, limits in (_RANGES | _LIMITS).items()),
    ]
    return reduce(pc.and_, conditions)


def _is_complete(messages: pa.Table, version: Version) -> pa.Array:
    """Of that version and with its identity; or of none, and with nothing of an identity."""
    if version.number is None:
        absent = ("schema_version", "boot_id", "sequence")
        return reduce(pc.and_, (pc.is_null(messages[name]) for name in absent))
    stated = pc.fill_null(pc.equal(messages["schema_version"], version.number), False)
    return reduce(pc.and_, (pc.is_valid(messages[name]) for name in version.identity), stated)


def _within(values: pa.Array, low: float, high: float, null: bool = True) -> pa.Array:
    inside = pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))
    return pc.fill_null(inside, null)


def _faults(row: dict[str, Any], versions: tuple[Version, ...]) -> Iterator[Fault]:
    """All that is wrong with a message, in the order of `REASONS`."""
    thing, device, stated = row["thing_name"], row["device_id"], row["schema_version"]
    if not thing:
        yield "missing_thing_name", "expected thing_name, which the rule adds"
    known = {version.number: version for version in versions}
    if stated is not None and stated not in known:
        numbers = " or ".join(str(number) for number in known if number is not None)
        yield "unknown_version", f"expected schema_version {numbers}; got {stated}"
    if device is not None and device != thing:
        yield "foreign_device", f"expected device_id {thing}; got {device}"
    yield from _missing_identity(row, known.get(stated))
    yield from _clock_faults(row)
    if row["longitude"] == row["latitude"] == 0:
        yield "no_position", "expected a position or none; got longitude 0 and latitude 0"
    yield from _outside("out_of_range", row, _RANGES)
    yield from _outside("impossible_concentration", row, _LIMITS)


def _missing_identity(row: dict[str, Any], version: Version | None) -> Iterator[Fault]:
    """A message that says no version, but something of an identity, must say all of it."""
    required = version.identity if version is not None else ()
    if row["schema_version"] is None and (row["boot_id"], row["sequence"]) != (None, None):
        required = IDENTITY
    got = [name for name in required if row[name] is not None]
    if len(got) < len(required):
        yield "missing_identity", f"expected {', '.join(required)}; got {', '.join(got) or 'none'}"


def _clock_faults(row: dict[str, Any]) -> Iterator[Fault]:
    written, time, received = row["written"], row["timestamp"], row["received_at"]
    if written is None:
        yield "missing_time", "expected timestamp"
    elif time is None:
        yield "bad_time", f"expected timestamp in RFC 3339; got {written}"
    elif time < _EARLIEST:
        yield "before_2000", f"expected timestamp from {EARLIEST} on; got {written}"
    elif time > received + _TOLERANCE:
        yield (
            "in_the_future",
            f"expected timestamp at most {CLOCK_TOLERANCE_HOURS} h after its arrival at "
            f"{received:%Y-%m-%dT%H:%M:%SZ}; got {written}",
        )


def _outside(
    reason: str, row: dict[str, Any], ranges: Mapping[str, tuple[float, float]]
) -> Iterator[Fault]:
    details = [
        f"expected {name} from {low:,} to {high:,}; got {row[name]}"
        for name, (low, high) in ranges.items()
        if row[name] is not None and not low <= row[name] <= high
    ]
    if details:
        yield reason, ". ".join(details)
