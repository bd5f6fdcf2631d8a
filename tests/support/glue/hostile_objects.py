"""Hostile objects of the raw bucket, each with what must become of it.

They come from whatever writes there beside Firehose. Their messages have the names and stamps that
the topic rule would add, right or wrong.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from tests.support.glue.hostile_messages import KEPT, Fields, Outcome

GONE = ...
"""The value of a field that a message lacks."""

CLOCK_DAYS = 300


@dataclass(frozen=True)
class HostileObject:
    """An object and its outcome.

    Parameters
    ----------
    name
        Its key below the folder of its hour.
    content
        Function that builds its bytes from the fields of a sound message, as delivered.
    outcome
        Number of readings in the lake, under None, and of rows in quarantine by reason.
    any_number
        Whether the number of rows does not matter, but only their reasons: bytes that are no text
        have as many lines as they have newlines.
    """

    name: str
    content: Callable[[Fields], bytes]
    outcome: Outcome
    any_number: bool = False


def _line(fields: Fields, **changes: Any) -> bytes:
    found = {name: value for name, value in (fields | changes).items() if value is not GONE}
    return json.dumps(found).encode()


def _lines(fields: Fields, between: bytes) -> bytes:
    return between.join(_line(fields, sequence=number) for number in range(3))


def _packed(fields: Fields) -> bytes:
    return gzip.compress(_line(fields) + b"\n")


def _zipped(fields: Fields) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("messages.json", _line(fields))
    return target.getvalue()


def _long(fields: Fields) -> bytes:
    """Returns a line of 200 MB between two sound ones, in a small object."""
    part = gzip.compress(b"x" * 10_000_000)
    return _packed(fields) + part * 20 + gzip.compress(b"\n" + _line(fields, sequence=8))


def _clocks(fields: Fields) -> bytes:
    """Returns readings of clocks that were never set, on many days."""
    first = date(2000, 1, 1)
    days = (first + timedelta(days=number) for number in range(CLOCK_DAYS))
    return b"\n".join(_line(fields, timestamp=f"{day}T00:00:05Z") for day in days)


def _names() -> dict[str, tuple[Any, Outcome]]:
    """Returns values of ``thing_name``, some of which would be another path."""
    texts = (
        ".",
        "..",
        "../../../escaped",
        "a/b",
        "a\\b",
        "a\0b",
        "аsh",
        "ash ",
        " ash",
        "ash\n",
        "%2e%2e",
        "x" * 129,
        "x" * 300,
        "\ud800",
    )
    return {
        **{f"name {n}": (text, Counter(["bad_thing_name"])) for n, text in enumerate(texts)},
        "the longest name": ("x" * 128, Counter([KEPT])),
        "no name": (GONE, Counter(["missing_thing_name"])),
        "a name of nothing": (None, Counter(["missing_thing_name"])),
        "an empty name": ("", Counter(["missing_thing_name"])),
        "a name as a number": (5, Counter(["wrong_type"])),
        "a name as a list": (["ash"], Counter(["wrong_type"])),
    }


_STAMPS: dict[str, tuple[Any, Outcome]] = {
    "a negative stamp": (-1, Counter([KEPT])),
    "a stamp far away": (2**63 - 1, Counter([KEPT])),
    "a stamp beyond all numbers": (1e300, Counter(["wrong_type"])),
    "a stamp with decimals": (1.5, Counter(["wrong_type"])),
    "a stamp as text": ("5", Counter(["wrong_type"])),
    "a stamp as true": (True, Counter(["wrong_type"])),
}

_KEYS = (
    "_hidden.gz",
    ".hidden.gz",
    "no suffix",
    "a%2Fb.gz",
    "a+b.gz",
    "a=b.gz",
    "date=2020-01-01/x.gz",
    "sub/_sub/.sub/x.gz",
    "a#b?c&d.gz",
    "[a]{b}*.gz",
    "ü.gz",
    "a:b@c.gz",
    "x" * 200,
)

_CONTENTS: dict[str, tuple[Callable[[Fields], bytes], Outcome]] = {
    "nothing": (lambda _: b"", Counter(["empty_object"])),
    "nothing.gz": (lambda _: b"", Counter(["empty_object"])),
    "nothing packed.gz": (lambda _: gzip.compress(b""), Counter(["empty_object"])),
    "blanks": (lambda _: b" \r\n\n\t", Counter(["empty_object"])),
    "zeros": (lambda _: b"\0" * 100, Counter(["not_json"])),
    "zeros.gz": (lambda _: b"\0" * 100, Counter(["empty_object"])),
    "text.gz": (_line, Counter([KEPT])),
    "zeros behind.gz": (lambda fields: _packed(fields) + b"\0" * 9, Counter([KEPT])),
    "two members.gz": (
        lambda fields: _packed(fields) + gzip.compress(_line(fields, sequence=8)),
        Counter([KEPT, KEPT]),
    ),
    "truncated.gz": (
        lambda fields: _packed(fields) + gzip.compress(_line(fields, sequence=8))[:10],
        Counter([KEPT, "damaged_object"]),
    ),
    "a wrong checksum.gz": (
        lambda fields: _packed(fields)[:-8] + b"\1" * 8,
        Counter([KEPT, "damaged_object"]),
    ),
    "more behind.gz": (
        lambda fields: _packed(fields) + b"more",
        Counter([KEPT, "damaged_object"]),
    ),
    "a zip.gz": (_zipped, Counter(["damaged_object"])),
    "carriage returns": (lambda fields: _lines(fields, b"\r"), Counter([KEPT] * 3)),
    "lines of Windows": (lambda fields: _lines(fields, b"\r\n"), Counter([KEPT] * 3)),
    "no newlines": (lambda fields: _lines(fields, b""), Counter([KEPT] * 3)),
    "commas": (lambda fields: _lines(fields, b" ,\n"), Counter([KEPT] * 3)),
    "form feeds": (lambda fields: _lines(fields, b"\f"), Counter([KEPT] * 3)),
    "marks": (lambda fields: _lines(fields, b"\xef\xbb\xbf"), Counter([KEPT] * 3)),
    "marks on lines": (lambda fields: _lines(fields, b"\n\xef\xbb\xbf"), Counter([KEPT] * 3)),
    "separators of lines": (
        lambda fields: _lines(fields, "\u2028".encode()),
        Counter(["not_json"]),
    ),
    "a list of messages": (
        lambda fields: b"[" + _lines(fields, b",") + b"]",
        Counter(["not_json"]),
    ),
    "10 MB of text": (
        lambda fields: _line(fields, note="x" * 10_000_000),
        Counter(["too_large"]),
    ),
    "a key of 1 MB": (
        lambda fields: _line(fields, **{"k" * 1_000_000: 1}),
        Counter(["too_large"]),
    ),
    "10 MB of brackets": (lambda _: b"[" * 10_000_000, Counter(["too_large"])),
    "clocks": (_clocks, Counter({"too_old": CLOCK_DAYS})),
    "200 MB on a line": (_long, Counter([KEPT, KEPT, "too_large"])),
}

_BINARY: dict[str, Callable[[Fields], bytes]] = {
    "packed twice.gz": lambda fields: gzip.compress(_packed(fields)),
    "a zip": _zipped,
    "bzip2": lambda fields: bz2.compress(_line(fields)),
    "xz": lambda fields: lzma.compress(_line(fields)),
    "zstandard": lambda fields: pa.compress(_line(fields), "zstd", asbytes=True),
    "UTF-16": lambda fields: _lines(fields, b"\n").decode().encode("utf-16"),
}


def _named(value: Any) -> Callable[[Fields], bytes]:
    device = value if isinstance(value, str) and value else GONE
    return lambda fields: _line(fields, thing_name=value, device_id=device)


def _stamped(value: Any) -> Callable[[Fields], bytes]:
    return lambda fields: _line(fields, received_at=value)


HOSTILE_OBJECTS = (
    *(HostileObject(name, content, outcome) for name, (content, outcome) in _CONTENTS.items()),
    *(
        HostileObject(name, content, Counter(["not_json"]), any_number=True)
        for name, content in _BINARY.items()
    ),
    *(HostileObject(name, _packed, Counter([KEPT])) for name in _KEYS),
    *(HostileObject(name, _named(value), outcome) for name, (value, outcome) in _names().items()),
    *(HostileObject(name, _stamped(value), outcome) for name, (value, outcome) in _STAMPS.items()),
)
