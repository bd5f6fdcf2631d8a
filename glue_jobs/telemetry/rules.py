"""Rules that a message must keep to be a reading: each said once, for many messages and for one.

A rule looks at whole columns, and says of one message what was expected and what came. The rules
stand in an order: what is wrong with a message is the first one that it breaks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from contracts.lake.arrow_schemas import TIME
from contracts.messages.limits import IMPOSSIBLE_CONCENTRATION, LIMITS, OUT_OF_RANGE
from contracts.messages.telemetry import CLOCK_TOLERANCE_HOURS, EARLIEST, IDENTITY, Version
from contracts.times import utc_time

_EARLIEST = utc_time(EARLIEST)
_TOLERANCE = timedelta(hours=CLOCK_TOLERANCE_HOURS)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """What must hold of a message.

    Parameters
    ----------
    reason
        Reason for quarantine of a message that breaks it.
    meaning
        The reason in words.
    holds
        Of messages, a column of booleans without nulls. It need not hold of a message that breaks
        an earlier rule.
    complaint
        Of a message that breaks it and no earlier rule, what was expected and what came.
    """

    reason: str
    meaning: str
    holds: Callable[[pa.Table], pa.Array]
    complaint: Callable[[Row], str]


def rules(versions: tuple[Version, ...]) -> tuple[Rule, ...]:
    """The rules of messages of some versions.

    Messages have the columns of a reading, ``timestamp`` null where the text ``written`` is no
    time.
    """
    known = {version.number: version for version in versions}
    numbers = [number for number in known if number is not None]
    return (
        Rule(
            "missing_thing_name",
            "nothing tells which thing published the message",
            lambda messages: _true(pc.not_equal(messages["thing_name"], "")),
            lambda row: "expected thing_name, which the rule adds",
        ),
        Rule(
            "unknown_version",
            "schema_version is none that the ETL knows",
            lambda messages: _null_or(
                messages["schema_version"],
                pc.is_in(messages["schema_version"], pa.array(numbers, pa.int64())),
            ),
            lambda row: (
                f"expected schema_version {' or '.join(map(str, numbers))}; "
                f"got {row['schema_version']}"
            ),
        ),
        Rule(
            "foreign_device",
            "device_id is not the thing that published the message",
            lambda messages: _null_or(
                messages["device_id"], pc.equal(messages["device_id"], messages["thing_name"])
            ),
            lambda row: f"expected device_id {row['thing_name']}; got {row['device_id']}",
        ),
        Rule(
            "missing_identity",
            "a field of the identity is missing",
            lambda messages: _is_identified(messages, known),
            lambda row: _lacking(row, _required(row, known)),
        ),
        Rule(
            "missing_time",
            "there is no timestamp",
            lambda messages: pc.is_valid(messages["written"]),
            lambda row: "expected timestamp",
        ),
        Rule(
            "bad_time",
            "the timestamp is not RFC 3339",
            lambda messages: pc.is_valid(messages["timestamp"]),
            lambda row: f"expected timestamp in RFC 3339; got {row['written']}",
        ),
        Rule(
            "before_2000",
            "the clock was not set",
            lambda messages: _true(
                pc.greater_equal(messages["timestamp"], pa.scalar(_EARLIEST, TIME))
            ),
            lambda row: f"expected timestamp from {EARLIEST} on; got {row['written']}",
        ),
        Rule(
            "in_the_future",
            "the clock is wrong: the reading arrived before it was taken",
            lambda messages: _true(
                pc.less_equal(
                    messages["timestamp"],
                    pc.add(messages["received_at"], pa.scalar(_TOLERANCE)),
                )
            ),
            lambda row: (
                f"expected timestamp at most {CLOCK_TOLERANCE_HOURS} h after its arrival at "
                f"{row['received_at']:%Y-%m-%dT%H:%M:%SZ}; got {row['written']}"
            ),
        ),
        Rule(
            "no_position",
            "longitude and latitude are both 0, what a receiver without a fix reports",
            lambda messages: pc.fill_null(
                pc.or_(
                    pc.not_equal(messages["longitude"], 0), pc.not_equal(messages["latitude"], 0)
                ),
                True,
            ),
            lambda row: "expected a position or none; got longitude 0 and latitude 0",
        ),
        _within_limits(OUT_OF_RANGE, "a sequence, longitude or latitude that cannot be"),
        _within_limits(
            IMPOSSIBLE_CONCENTRATION, "a concentration below 0 or above what any air holds"
        ),
    )


def _within_limits(reason: str, meaning: str) -> Rule:
    """All `LIMITS` with the same reason as one rule."""
    limits = [limit for limit in LIMITS if limit.reason == reason]

    def holds(messages: pa.Table) -> pa.Array:
        return _all(within(messages[one.field], one.low, one.high) for one in limits)

    def complaint(row: Row) -> str:
        values = ((limit, row[limit.field]) for limit in limits)
        return ". ".join(one.complaint(value) for one, value in values if not one.admits(value))

    return Rule(reason, meaning, holds, complaint)


def within(values: pa.Array, low: float, high: float, null: bool = True) -> pa.Array:
    """Whether values are in a range, both ends included; what is said of null is given."""
    inside = pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))
    return pc.fill_null(inside, null)


def _is_identified(messages: pa.Table, known: Mapping[int | None, Version]) -> pa.Array:
    """Whether each message has all of the fields that are `_required` of it."""
    stated = messages["schema_version"]
    without = pc.is_null(stated)
    bare = _all((without, *(pc.is_null(messages[name]) for name in ("boot_id", "sequence"))))
    cases = [(bare, _identity(None, known)), (pc.and_not(without, bare), IDENTITY)]
    cases += [
        (_true(pc.equal(stated, number)), version.identity)
        for number, version in known.items()
        if number is not None
    ]
    return _all(
        pc.or_(pc.invert(case), _all((case, *(pc.is_valid(messages[name]) for name in fields))))
        for case, fields in cases
    )


def _required(row: Row, known: Mapping[int | None, Version]) -> tuple[str, ...]:
    """A message that says no version, but something of an identity, must say all of it."""
    if row["schema_version"] is None and (row["boot_id"], row["sequence"]) != (None, None):
        return IDENTITY
    return _identity(row["schema_version"], known)


def _identity(number: int | None, known: Mapping[int | None, Version]) -> tuple[str, ...]:
    version = known.get(number)
    return () if version is None else version.identity


def _lacking(row: Row, required: tuple[str, ...]) -> str:
    got = ", ".join(name for name in required if row[name] is not None)
    return f"expected {', '.join(required)}; got {got or 'none'}"


def _true(condition: pa.Array) -> pa.Array:
    return pc.fill_null(condition, False)


def _null_or(values: pa.Array, condition: pa.Array) -> pa.Array:
    return pc.or_(pc.is_null(values), _true(condition))


def _all(conditions: Any) -> pa.Array:
    return reduce(pc.and_, conditions)
