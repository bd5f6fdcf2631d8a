"""Decides which readings are repeats, which belong together, and which contradict each other.

Readings with the same `KEY` are of the same device, start, number and time. Among them

- a repeat has the same content, and the lake keeps the one received first: every hop before the
  lake delivers at least once;
- a conflict has other content, and the lake keeps both: nothing says which one is right;
- parts are readings without an identity, from devices that send each pollutant in a message of its
  own. They are merged into one reading. If they contradict each other, further readings have the
  further values, in the order of the values.

The result depends on the set of the readings only, so windows may be processed in any order, and
readings that were merged before may be merged again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.messages.telemetry import IDENTITY
from glue_jobs.telemetry.packing import READING

Row = dict[str, Any]
"""A reading as Arrow gives it: a map is a list of pairs."""

KEY = (*IDENTITY, "timestamp")
ARRIVAL = "received_at"
MAPS = ("extra", "rejected")
_POSITION = ("longitude", "latitude")  # one value: neither is meaningful with another's other half
_ALIKE = (*KEY, ARRIVAL, "thing_name", "schema_version")  # in all parts of a reading
_VALUES = (
    *((name,) for name in READING.names if name not in (*_ALIKE, *_POSITION, *MAPS)),
    _POSITION,
)
_CONTENT = tuple(name for name in READING.names if name not in (*KEY, ARRIVAL, *MAPS))


@dataclass(frozen=True)
class Counts:
    """Numbers of readings that were merged into others, and that contradict others."""

    merged: int = 0
    conflicts: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.merged + other.merged, self.conflicts + other.conflicts)


def key_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the values of `KEY`."""
    return tuple(row[name] for name in KEY)


def kept(rows: Sequence[Row]) -> list[Row]:
    """Return the readings that the lake keeps of readings with the same key, in a fixed order."""
    if not _is_identified(rows[0]):
        return _merged(rows)
    first: dict[str, Row] = {}
    for row in rows:
        content = _content(row)
        if content not in first or row[ARRIVAL] < first[content][ARRIVAL]:
            first[content] = row
    return [first[content] for content in sorted(first)]


def counted(rows: Sequence[Row], left: Sequence[Row]) -> Counts:
    """Return the counts of readings with the same key, of which the lake keeps ``left``."""
    different = len({_content(row) for row in rows})
    return Counts(merged=different - len(left), conflicts=len(left) - 1)


@dataclass(frozen=True)
class Reconciled:
    """Changes of files that make the readings of one key those that the lake keeps.

    Parameters
    ----------
    gone
        Files from which all readings of the key must be removed, with their number.
    added
        Readings to write.
    counts
        Numbers to add to those of the new readings alone.
    """

    gone: dict[str, int]
    added: list[Row]
    counts: Counts


def reconciled(files: Mapping[str, Sequence[Row]], new: Iterable[str]) -> Reconciled:
    """Compare the readings of one key in several files; those of ``new`` are not in the lake yet.

    Files whose readings are all kept stay unchanged, first of all those in the lake.
    """
    news = set(new)
    old = [row for name in files if name not in news for row in files[name]]
    more = [row for name in files if name in news for row in files[name]]
    result = kept([*old, *more])
    before, after = (kept(rows) if rows else [] for rows in (old, more))
    missing = {_whole(row): row for row in result}
    gone = {}
    for name in sorted(files, key=lambda name: (name in news, name)):
        here = [_whole(row) for row in files[name]]
        if len(set(here)) == len(here) and set(here) <= missing.keys():
            for row in here:
                del missing[row]
        else:
            gone[name] = len(here)
    unknown = sum(not _is_in(row, before) for row in after)
    return Reconciled(
        gone,
        list(missing.values()),
        Counts(
            merged=unknown - (len(result) - len(before)),
            conflicts=sum(
                sign * max(0, len(some) - 1)
                for sign, some in ((1, result), (-1, before), (-1, after))
            ),
        ),
    )


def _is_identified(row: Row) -> bool:
    return row["boot_id"] is not None and row["sequence"] is not None


def _is_in(row: Row, rows: Sequence[Row]) -> bool:
    """Return whether readings with the same key say everything that another one says."""
    if _is_identified(row):
        return _content(row) in map(_content, rows)
    return set(_values(row)) <= {value for one in rows for value in _values(one)}


def _merged(parts: Sequence[Row]) -> list[Row]:
    """Return as few readings as have all values of some parts; each value once."""
    columns: dict[tuple[str, ...], set[tuple[Any, ...]]] = defaultdict(set)
    for part in parts:
        for names, value in _values(part):
            columns[names].add(value)
    ordered = {names: sorted(values, key=_nulls_first) for names, values in columns.items()}
    count = max((len(values) for values in ordered.values()), default=1)
    alike = {name: parts[0][name] for name in _ALIKE}
    alike[ARRIVAL] = min(part[ARRIVAL] for part in parts)
    rows: list[Row] = []
    for place in range(count):
        row: Row = dict.fromkeys(READING.names) | alike | {name: [] for name in MAPS}
        for names, values in sorted(ordered.items()):
            if place >= len(values):
                continue
            if names[0] in MAPS:
                row[names[0]].append((names[1], *values[place]))
            else:
                row |= dict(zip(names, values[place], strict=True))
        rows.append(row)
    return rows


def _values(part: Row) -> Iterator[tuple[tuple[str, ...], tuple[Any, ...]]]:
    """Yield the columns, or the map and its key, and the value of everything that is not null."""
    for names in _VALUES:
        value = tuple(part[name] for name in names)
        if any(one is not None for one in value):
            yield names, value
    for name in MAPS:
        for key, text in part[name] or ():
            if text is not None:
                yield (name, key), (text,)


def _nulls_first(value: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((one is not None, one) for one in value)


def _content(row: Row) -> str:
    """Return everything but key and arrival as a text; null is equal to nothing in maps too."""
    maps = [sorted(pair for pair in row[name] or () if pair[1] is not None) for name in MAPS]
    numbers = [value + 0 if isinstance(value, float) else value for value in map(row.get, _CONTENT)]
    return json.dumps([numbers, maps], allow_nan=False)  # -0.0 + 0 is 0.0, which is equal


def _whole(row: Row) -> tuple[Any, ...]:
    return (row[ARRIVAL], _content(row))
