"""Validates messages: each becomes a reading, or gets a reason for quarantine.

The rules check many messages at once; only the details of invalid ones are written one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.lake.arrow_schemas import TIME, arrow_schema
from contracts.lake.tables import QUARANTINE, TELEMETRY
from contracts.messages.limits import CONCENTRATIONS
from contracts.messages.telemetry import MAX_READING_AGE, POLLUTANTS, VERSIONS, Version
from glue_jobs.telemetry.nets import ETL_ERROR
from glue_jobs.telemetry.parsing import KEPT_TEXT
from glue_jobs.telemetry.rules import Rule, rules, within
from glue_jobs.telemetry.withdrawals import Withdrawals

_OF_THE_PARSER = {
    "damaged_object": "the object is truncated or damaged; its readable part was read",
    "empty_object": "the object has no message",
    ETL_ERROR: "the ETL failed on the message or object; `detail` has the error",
    "too_large": "the message is longer than any that AWS IoT delivers",
    "too_deep": "objects and lists are nested too deeply",
    "not_json": "the message is not one JSON object",
    "bad_batch": "readings is not a list of objects",
    "wrong_type": "a field has a value of another type, such as text in a number",
}
REASONS = _OF_THE_PARSER | {rule.reason: rule.meaning for rule in rules(VERSIONS, MAX_READING_AGE)}
"""Reasons for quarantine; a message with several faults has the first one."""

KEPT_DETAIL = 2 * 1024
"""Characters of a detail that are kept."""

STAMP_TOLERANCE = timedelta(days=2)
"""Time after an object's hour within which the rule received its messages. Delivery takes up to 24
hours; a later stamp is not the rule's, and the object's hour replaces it."""

VALIDATED = pa.schema([*arrow_schema(TELEMETRY), *arrow_schema(QUARANTINE), ("arrived", TIME)])
"""Columns of a validated message: the reading, ``source`` (object key), ``reason`` (null for a
valid message), ``detail`` and ``raw_line`` if there is a reason, ``arrived`` (hour in the key)."""


def validated(
    messages: pa.Table,
    versions: tuple[Version, ...],
    source: str,
    arrived: datetime,
    published_by: str | None,
    *,
    max_age: timedelta = MAX_READING_AGE,
    withdrawals: Withdrawals = (),
) -> pa.Table:
    """Validate the messages of one object.

    Parameters
    ----------
    messages
        Table of `glue_jobs.telemetry.parsing.MessageParser`, with the fields of the same versions.
    source, arrived
        Key of the object, and the hour in it.
    published_by
        The publishing thing, if known from the topic; None if the rule has stamped the messages.
    max_age
        Age at arrival above which a reading is quarantined.
    withdrawals
        Readings to quarantine, although they are sound.

    Returns
    -------
    pa.Table
        One row per message: `VALIDATED`.
    """
    count = messages.num_rows
    stamps = messages["received_at"]
    thing: pa.Array = messages["thing_name"]
    received: pa.Array = pa.repeat(pa.scalar(arrived, TIME), count)
    if published_by is None:
        stamped = stamps.cast(pa.timestamp("ms", "UTC")).cast(TIME, safe=False)
        latest = int((arrived + STAMP_TOLERANCE).timestamp() * 1000)
        received = pc.if_else(within(stamps, 0, latest, null=False), stamped, received)
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
        "arrived": pa.repeat(pa.scalar(arrived, TIME), count),
        "reason": messages["fault"],
        "detail": messages["fault_detail"],
    }
    found |= _verdicts(pa.table(found), rules(versions, max_age, withdrawals))
    found |= _rejected(found, messages, versions)
    refused = pc.is_valid(found["reason"])
    found |= {
        "device_id": pc.coalesce(found["device_id"], thing),
        # only a known version is certain to fit in 32 bits
        "schema_version": pc.if_else(refused, None, found["schema_version"]).cast(pa.int32()),
        **(_bounded(found, refused) if pc.any(refused).as_py() else {"raw_line": pa.nulls(count)}),
        "source": pa.repeat(pa.scalar(source, pa.string()), count),
    }
    return pa.table([found[name] for name in VALIDATED.names], VALIDATED).combine_chunks()


def _bounded(found: Mapping[str, pa.Array], refused: pa.Array) -> dict[str, pa.Array]:
    """Return the start of the texts and details of the refused messages."""
    nothing = pa.scalar(None, pa.string())
    raw = pc.utf8_rtrim(pc.if_else(refused, found["raw_line"], nothing), "\n")
    length = pc.utf8_length(raw)
    cut = pc.fill_null(pc.greater(length, KEPT_TEXT), False)
    note = pc.binary_join_element_wise(
        f"; raw_line has the first {KEPT_TEXT:,} of", length.cast(pa.string()), "characters", " "
    )
    detail = pc.utf8_slice_codeunits(found["detail"], 0, KEPT_DETAIL)
    noted = pc.binary_join_element_wise(pc.coalesce(detail, pa.scalar("")), note, "")
    return {
        "raw_line": pc.utf8_slice_codeunits(raw, 0, KEPT_TEXT),
        "detail": pc.if_else(cut, noted, detail),
    }


def _pollutant(messages: pa.Table, name: str, versions: tuple[Version, ...]) -> pa.Array:
    old = (old for old, column in _spellings(messages, versions).items() if column == name)
    return pc.coalesce(messages[name], *(messages[field] for field in old))


def _spellings(messages: pa.Table, versions: tuple[Version, ...]) -> dict[str, str]:
    """Return the columns of fields with another name, by that name."""
    return {
        old: column
        for version in versions
        for old, column in version.spellings.items()
        if old in messages.column_names
    }


def _rejected(
    found: Mapping[str, pa.Array], messages: pa.Table, versions: tuple[Version, ...]
) -> dict[str, pa.Array]:
    """Return the concentrations, null if impossible, and the column ``rejected`` that says why.

    A value under an old name is rejected if the message has one under the present name too.
    """
    admitted = {one.field: within(found[one.field], one.low, one.high) for one in CONCENTRATIONS}
    besides = {
        old: pc.and_(pc.is_valid(messages[old]), pc.is_valid(messages[column]))
        for old, column in _spellings(messages, versions).items()
    }
    refused = reduce(pc.or_, (*map(pc.invert, admitted.values()), *besides.values()))
    texts: list[list[tuple[str, str]]] = [[]] * messages.num_rows
    for place in _places(refused):
        values = ((one, found[one.field][place].as_py()) for one in CONCENTRATIONS)
        texts[place] = [(one.field, one.complaint(it)) for one, it in values if not one.admits(it)]
    for old, column in _spellings(messages, versions).items():
        for place in _places(besides[old]):
            complaint = f"expected {column} under one name; got {messages[old][place]} as {old} too"
            texts[place].append((old, complaint))
    return {
        name: pc.if_else(holds, found[name], pa.scalar(None, pa.float64()))
        for name, holds in admitted.items()
    } | {"rejected": pa.array(texts, VALIDATED.field("rejected").type)}


def _places(condition: pa.ChunkedArray) -> list[int]:
    if not len(condition):  # pyarrow crashes
        return []
    found: list[int] = pc.indices_nonzero(condition).to_pylist()
    return found


def _verdicts(messages: pa.Table, kept: tuple[Rule, ...]) -> dict[str, pa.Array]:
    """Return columns ``reason`` and ``detail``, including the parser's; none if all are valid."""
    holds = [rule.holds(messages) for rule in kept]
    sound = reduce(pc.and_, holds, pc.is_null(messages["reason"]))
    if pc.all(sound, min_count=0).as_py():  # without messages, the code below crashes pyarrow
        return {}
    places = pc.indices_nonzero(pc.invert(sound))
    broken = [np.invert(np.asarray(one.take(places), dtype=bool)) for one in holds]
    first = np.argmax(broken, axis=0)
    rows = messages.drop_columns(["extra", "raw_line"]).take(places).to_pylist()
    found: list[tuple[str, str] | tuple[None, None]] = [(None, None)] * messages.num_rows
    for place, row, number in zip(places.to_pylist(), rows, first, strict=True):
        rule = kept[number]
        reported = row["reason"], row["detail"]
        found[place] = (rule.reason, rule.complaint(row)) if reported[0] is None else reported
    reasons, details = zip(*found, strict=True)
    return {"reason": pa.array(reasons, pa.string()), "detail": pa.array(details, pa.string())}
