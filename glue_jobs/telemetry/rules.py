"""Validation rules of messages, each defined once for whole columns and for one message.

A rule checks whole columns, and describes for one message the expected and the actual value. The
rules are ordered: the fault of a message is the first rule that it violates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from contracts.lake.arrow_schemas import TIME
from contracts.messages.limits import (
    CONCENTRATIONS,
    IMPOSSIBLE_CONCENTRATION,
    LIMITS,
    OUT_OF_RANGE,
    Limit,
)
from contracts.messages.telemetry import (
    CLOCK_TOLERANCE_HOURS,
    EARLIEST,
    IDENTITY,
    THING_NAME,
    Version,
)
from contracts.times import utc_time
from glue_jobs.telemetry.withdrawals import Withdrawals, covers

_EARLIEST = utc_time(EARLIEST)
_TOLERANCE = timedelta(hours=CLOCK_TOLERANCE_HOURS)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """A validation rule.

    Parameters
    ----------
    reason
        Reason for quarantine of a message that violates the rule.
    meaning
        Description of the reason.
    holds
        Function that checks messages and returns booleans without nulls. The value of a message
        that violates an earlier rule is not used.
    complaint
        Function that describes the expected and the actual value of a message that violates this
        rule and no earlier one.
    """

    reason: str
    meaning: str
    holds: Callable[[pa.Table], pa.Array]
    complaint: Callable[[Row], str]


def rules(
    versions: tuple[Version, ...], max_age: timedelta, withdrawals: Withdrawals = ()
) -> tuple[Rule, ...]:
    """Return the rules for messages of some versions.

    Messages have the columns of a reading; ``timestamp`` is null if the text ``written`` is not a
    time, and ``arrived`` is the hour of their object.
    """
    known = {version.number: version for version in versions}
    numbers = [number for number in known if number is not None]
    return (
        Rule(
            "missing_thing_name",
            "the thing that published the message is unknown",
            lambda messages: _true(pc.not_equal(messages["thing_name"], "")),
            lambda row: "expected thing_name, which the rule adds",
        ),
        Rule(
            "bad_thing_name",
            "the name is too long for a thing, or has characters that AWS IoT does not allow",
            lambda messages: _true(
                pc.match_substring_regex(messages["thing_name"], f"^{THING_NAME}$")
            ),
            lambda row: f"expected thing_name as {THING_NAME}; got {row['thing_name'][:200]!r}",
        ),
        Rule(
            "unknown_version",
            "the ETL does not know the schema_version",
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
            "too_old",
            "the clock was not set, or the reading waited for too long",
            lambda messages: _true(
                pc.less_equal(
                    pc.subtract(messages["arrived"], messages["timestamp"]), pa.scalar(max_age)
                )
            ),
            lambda row: (
                f"expected timestamp at most {max_age.days} days before its arrival at "
                f"{row['arrived']:%Y-%m-%dT%H:%M:%SZ}; got {row['written']}"
            ),
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
            "withdrawn",
            "the reading was taken out of the lake",
            lambda messages: pc.invert(covers(withdrawals, messages)),
            lambda row: f"the readings of {row['thing_name']} at this time were withdrawn",
        ),
        Rule(
            "no_position",
            "longitude and latitude are both 0, as reported by a receiver without a fix",
            lambda messages: pc.fill_null(
                pc.or_(
                    pc.not_equal(messages["longitude"], 0), pc.not_equal(messages["latitude"], 0)
                ),
                True,
            ),
            lambda row: "expected a position or none; got longitude 0 and latitude 0",
        ),
        _within_limits(OUT_OF_RANGE, "an impossible sequence, longitude or latitude"),
        Rule(
            IMPOSSIBLE_CONCENTRATION,
            "all concentrations are far below 0 or above any possible value in air",
            _has_a_possible_concentration,
            lambda row: _complaints(CONCENTRATIONS, row),
        ),
    )


def _within_limits(reason: str, meaning: str) -> Rule:
    """Build one rule from all `LIMITS` with the same reason."""
    limits = [limit for limit in LIMITS if limit.reason == reason]

    def holds(messages: pa.Table) -> pa.Array:
        return _all(within(messages[one.field], one.low, one.high) for one in limits)

    return Rule(reason, meaning, holds, lambda row: _complaints(limits, row))


def _complaints(limits: Iterable[Limit], row: Row) -> str:
    values = ((limit, row[limit.field]) for limit in limits)
    return ". ".join(one.complaint(value) for one, value in values if not one.admits(value))


def _has_a_possible_concentration(messages: pa.Table) -> pa.Array:
    """Return whether a concentration is possible, or all are null: others are then rejected."""
    possible = [
        within(messages[one.field], one.low, one.high, null=False) for one in CONCENTRATIONS
    ]
    absent = [pc.is_null(messages[one.field]) for one in CONCENTRATIONS]
    return pc.or_(reduce(pc.or_, possible), _all(absent))


def within(values: pa.Array, low: float, high: float, null: bool = True) -> pa.Array:
    """Return whether values are in a range with both ends; ``null`` is the result for nulls."""
    inside = pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))
    return pc.fill_null(inside, null)


def _is_identified(messages: pa.Table, known: Mapping[int | None, Version]) -> pa.Array:
    """Return whether each message has all of its `_required` fields."""
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
    """Return the required identity; without a version, a partial identity must be complete."""
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
