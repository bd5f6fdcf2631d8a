"""Hostile messages: payloads that a device may publish, each with what must become of it.

Each has a mark of its own, so that it can be found in the lake as a ``boot_id``, or in quarantine
in the ``raw_line``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

KEPT = None
"""The outcome of a message that is in the lake; another outcome is the reason for quarantine."""

Outcome = Counter[str | None]
Fields = dict[str, Any]


@dataclass(frozen=True)
class Hostile:
    """A payload and its outcome.

    Parameters
    ----------
    payload
        Function that builds the payload from the fields of a sound message.
    outcome
        Number of readings in the lake, under None, and of rows in quarantine by reason.
    """

    name: str
    payload: Callable[[Fields], bytes]
    outcome: Outcome

    def payload_of(self, device: str, mark: str, taken: datetime) -> bytes:
        """Returns the payload of a device, with a mark, taken at a time in UTC."""
        return self.payload(
            {
                "schema_version": 1,
                "device_id": device,
                "boot_id": mark,
                "sequence": 7,
                "timestamp": f"{taken.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "ozone": 61.5,
            }
        )


def _text(fields: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in fields.items() if value is not ...})


def _changed(**changes: Any) -> Callable[[Fields], bytes]:
    """Builds the message with other values; ``...`` removes a field."""
    return lambda fields: _text(fields | changes).encode()


def _with(member: str) -> Callable[[Fields], bytes]:
    """Builds the message with one more member, whatever its text, at the end."""
    return lambda fields: f"{_text(fields)[:-1]}, {member}}}".encode()


def _later(**by: float) -> Callable[[Fields], bytes]:
    """Builds a message whose time is later than that of the sound one."""

    def payload(fields: Fields) -> bytes:
        taken = datetime.fromisoformat(fields["timestamp"]) + timedelta(**by)
        return _text(fields | {"timestamp": f"{taken:%Y-%m-%dT%H:%M:%SZ}"}).encode()

    return payload


def _written(name: str, text: str) -> Callable[[Fields], bytes]:
    """Builds the message with a value in a spelling of its own."""
    return lambda fields: _text(fields | {name: "@"}).replace('"@"', text).encode()


def _around(before: str, behind: str) -> Callable[[Fields], bytes]:
    return lambda fields: f"{before}{_text(fields)}{behind}".encode()


def _encoded(encoding: str) -> Callable[[Fields], bytes]:
    return lambda fields: _text(fields).encode(encoding)


def _batch(*readings: Any) -> Callable[[Fields], bytes]:
    """Builds a batch that shares everything but the sequence."""
    return lambda fields: _text(fields | {"sequence": ..., "readings": readings}).encode()


def _twice(fields: Fields) -> bytes:
    return f"{_text(fields)}{_text(fields | {'sequence': 8})}".encode()


def _nested(name: str, depth: int, start: str = "[", end: str = "]") -> Callable[[Fields], bytes]:
    return _with(f'"{name}": {start * depth}1{end * depth}')


def _time(text: str) -> Callable[[Fields], bytes]:
    return _changed(timestamp=text)


def _kept(count: int = 1) -> Outcome:
    return Counter({KEPT: count})


_NUMBERS = {
    "a number beyond all numbers in an unknown field": (_with('"uptime": 1e400'), _kept()),
    "one of many digits": (_with(f'"uptime": {"9" * 5_000}'), _kept()),
    "a number too small": (_with('"nitrogen_dioxide": 1e-400'), _kept()),
    "a number beyond all numbers": (
        _written("ozone", "1e400"),
        Counter(["impossible_concentration"]),
    ),
    "one of several": (_written("ozone", '-1E+400, "carbon_monoxide": 300'), _kept()),
    "a sequence as 7.0": (_changed(sequence=7.0), _kept()),
    "a sequence as 70e-1": (_written("sequence", "70e-1"), _kept()),
    "a sequence as -0": (_written("sequence", "-0"), _kept()),
    "a sequence as 0x10": (_written("sequence", "0x10"), Counter(["not_json"])),
    "a sequence as 07": (_written("sequence", "07"), Counter(["not_json"])),
    "a sequence as +7": (_written("sequence", "+7"), Counter(["not_json"])),
    "a sequence as 7.": (_written("sequence", "7."), Counter(["not_json"])),
    "a sequence as true": (_changed(sequence=True), Counter(["wrong_type"])),
    "a sequence as text": (_changed(sequence="7"), Counter(["wrong_type"])),
    "a sequence of 2^63 - 1": (_changed(sequence=2**63 - 1), _kept()),
    "a sequence of 2^63": (_changed(sequence=2**63), Counter(["wrong_type"])),
    "a sequence of 1e400": (_written("sequence", "1e400"), Counter(["wrong_type"])),
    "a negative sequence": (_changed(sequence=-1), Counter(["out_of_range"])),
    "no sequence": (_changed(sequence=None), Counter(["missing_identity"])),
    "NaN": (_changed(ozone=float("nan")), Counter(["not_json"])),
    "Infinity": (_changed(note=float("inf")), Counter(["not_json"])),
    "a version as 1.0": (_changed(schema_version=1.0), _kept()),
    "a version as true": (_changed(schema_version=True), Counter(["wrong_type"])),
    "a version from the future": (_changed(schema_version=2**40), Counter(["unknown_version"])),
    "a value slightly below zero": (_changed(ozone=-0.4), _kept()),
    "one value far below zero": (_changed(ozone=-999, sulfur_dioxide=3), _kept()),
    "all values far below zero": (
        _changed(ozone=-999, sulfur_dioxide=-999),
        Counter(["impossible_concentration"]),
    ),
    "a value as text": (_changed(ozone="61.5"), Counter(["wrong_type"])),
    "a value under two names": (
        _changed(particulate_matter=3, particullate_matter=4),
        _kept(),
    ),
    "a position of huge numbers": (
        _changed(longitude=1e308, latitude=1),
        Counter(["out_of_range"]),
    ),
    "no fix": (_changed(longitude=-0.0, latitude=0), Counter(["no_position"])),
}

_TIMES = {
    "a clock chip's default": (_time("2000-01-01T00:00:05Z"), Counter(["too_old"])),
    "the year 1970": (_time("1970-01-01T00:00:00Z"), Counter(["before_2000"])),
    "the year 1 in another zone": (_time("0001-01-01T00:00:00+01:00"), Counter(["bad_time"])),
    "the year 0": (_time("0000-06-01T12:00:00Z"), Counter(["bad_time"])),
    "the year 9999": (_time("9999-12-30T23:59:59Z"), Counter(["in_the_future"])),
    "the year 9999 in another zone": (_time("9999-12-31T23:59:59-01:00"), Counter(["bad_time"])),
    "the year 10000": (_time("10000-01-01T00:00:00Z"), Counter(["bad_time"])),
    "a leap second": (_time("2016-12-31T23:59:60Z"), _kept()),
    "no leap second": (_time("2016-12-30T23:59:60Z"), Counter(["bad_time"])),
    "29 February": (_time("2024-02-29T12:00:00Z"), _kept()),
    "no 29 February": (_time("2023-02-29T12:00:00Z"), Counter(["bad_time"])),
    "hour 24": (_time("2024-05-01T24:00:00Z"), Counter(["bad_time"])),
    "an offset of 24 hours": (_time("2024-05-01T12:00:00+24:00"), Counter(["bad_time"])),
    "an offset of 23:59": (_time("2024-05-01T12:00:00+23:59"), _kept()),
    "a time without a time": (_time("2024-05-01"), Counter(["bad_time"])),
    "a time of ten decimals": (_time("2024-05-01T12:00:00.1234567891Z"), Counter(["bad_time"])),
    "a time in Arabic digits": (_time("٢٠٢٤-05-01T12:00:00Z"), Counter(["bad_time"])),
    "a time with a NUL": (_time("2024-05-01T12:00:00Z\0"), Counter(["bad_time"])),
    "a time as a number": (_changed(timestamp=1_700_000_000), Counter(["wrong_type"])),
    "a time of 100 kB": (_time("2024-05-01T12:00:00." + "1" * 100_000), Counter(["bad_time"])),
    "no time": (_changed(timestamp=...), Counter(["missing_time"])),
    "two days after its arrival": (_later(days=2), Counter(["in_the_future"])),
}

_SHAPES = {
    "60,000 levels": (_nested("note", 60_000), Counter(["too_deep"])),
    "60,000 levels without an end": (_nested("note", 60_000, end=""), Counter(["too_deep"])),
    "9,000 levels of objects": (_nested("note", 9_000, '{"a":', "}"), Counter(["too_deep"])),
    "127 levels": (_nested("note", 127), _kept()),
    "128 levels": (_nested("note", 128), Counter(["too_deep"])),
    "levels in a known field": (_nested("ozone", 120), Counter(["wrong_type"])),
    "levels in a time": (_nested("timestamp", 120), Counter(["wrong_type"])),
    "a field twice": (_with('"sequence": 8'), _kept()),
    "a field twice, then null": (_with('"sequence": null'), Counter(["missing_identity"])),
    "a key of 100 kB": (_with(f'"{"k" * 100_000}": 1'), _kept()),
    "an empty key": (_with('"": 1, "\\u0000": 2'), _kept()),
    "a key that looks like another": (_with('"оzone": -999'), _kept()),
    "half of a surrogate pair": (_with('"note": "\\ud800", "\\udfff": 1'), _kept()),
    "a NUL in a text": (_with('"note": "a\\u0000b"'), _kept()),
    "a raw NUL in a text": (_with('"note": "a\0b"'), Counter(["not_json"])),
    "many braces in a text": (_with(f'"note": "{"}{" * 30_000}"'), _kept()),
    "another device": (_changed(device_id="other"), Counter(["foreign_device"])),
    "a path as a device": (_changed(device_id="../../../escaped"), Counter(["foreign_device"])),
    "a device with a space": (
        lambda fields: _text(fields | {"device_id": fields["device_id"] + " "}).encode(),
        Counter(["foreign_device"]),
    ),
    "a stamp of its own": (_changed(thing_name="../../../escaped", received_at=-(2**63)), _kept()),
    "a comment": (_around("", " // done"), Counter(["not_json"])),
    "a trailing comma": (_with(""), Counter(["not_json"])),
    "a list": (_around("[", "]"), Counter(["not_json"])),
    "a text in a text": (
        lambda fields: json.dumps(_text(fields)).encode(),
        Counter(["not_json"]),
    ),
    "an object that does not end": (
        lambda fields: _text(fields)[:-1].encode(),
        Counter(["not_json"]),
    ),
    "two objects": (_twice, _kept(2)),
    "an object and a half": (
        lambda fields: f'{_text(fields)} {{"{fields["boot_id"]}'.encode(),
        Counter([KEPT, "not_json"]),
    ),
    "a batch with a bad reading": (
        _batch({"sequence": 1}, {"sequence": "2"}, {"sequence": 3}),
        Counter([KEPT, KEPT, "wrong_type"]),
    ),
    "a batch in a batch": (_batch({"sequence": 1, "readings": [{}]}), Counter(["bad_batch"])),
    "a batch of numbers": (_batch(1), Counter(["bad_batch"])),
    "a batch of nothing": (_batch(), Counter(["bad_batch"])),
}

_ENCODINGS = {
    "a byte order mark": (_encoded("utf-8-sig"), _kept()),
    "UTF-16": (_encoded("utf-16"), Counter(["not_json"])),
    "UTF-16 without a mark": (_encoded("utf-16-be"), Counter(["not_json"])),
    "UTF-32": (_encoded("utf-32"), Counter(["not_json"])),
    "Latin-1 in a text": (
        lambda fields: f'{_text(fields)[:-1]}, "note": "Höhe"}}'.encode("latin-1"),
        _kept(),
    ),
    "bytes that are no text": (
        lambda fields: b"\xff\xfe\x00\x1f\x8b" + fields["boot_id"].encode(),
        Counter(["not_json"]),
    ),
}

HOSTILE = tuple(
    Hostile(name, payload, outcome)
    for kind in (_NUMBERS, _TIMES, _SHAPES, _ENCODINGS)
    for name, (payload, outcome) in kind.items()
)
"""All of them. Kept ones with another time than the sound one's are at most 20 years old."""
