"""Parses text into messages: objects on a line, readings of a batch, types of fields.

Arrow's JSON parser reads a block of regular lines, and rejects anything unusual. A rejected block
is cut into pieces, and pieces that are rejected again are parsed message by message in plain
Python. Both parsers give the same result; the second reports the fault.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from contracts.json_text import MAX_DEPTH, STRING, brackets, is_too_deep
from contracts.lake.arrow_schemas import TIME
from contracts.messages.telemetry import (
    MAX_BATCH_TEXT,
    MAX_TEXT,
    MESSAGE_LIMIT_BYTES,
    STAMPS,
    FieldType,
)
from glue_jobs.telemetry.nets import ETL_ERROR, apart, described
from glue_jobs.telemetry.timestamps import time_of, times

LINES_PER_PIECE = 64
MESSAGES_AT_ONCE = 50_000
"""Messages that Python holds as objects, about 1 kB each."""
KEPT_TEXT = MESSAGE_LIMIT_BYTES
"""Characters of a quarantined text that are kept; the raw object has all."""
READINGS = "readings"
"""The field that identifies a batch of messages."""

_ARROW_TYPES = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64()}
_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int, float),  # 7.0 is 7
    "number": (int, float),
}
_SEPARATORS = ", \t\r\n\f\v\ufeff"  # between messages; some texts start with a byte order mark
# Possessive, as all patterns here, so the time is linear for any text.
_BLANK = r"[ \t\r\n\f\v\ufeff]*+"
_END_OF_OBJECT = re.compile(rf"\}}{_BLANK},?+{_BLANK}(?=\{{)")
_INFINITY = re.compile(rf"{STRING}|-?Infinity", re.DOTALL)
_NUMBERS = {"Infinity": "1e999", "-Infinity": "-1e999"}

LONGEST_INTEGER = 640
"""Digits that every interpreter converts, whatever its settings."""


def messages_on(line: str) -> Iterator[str]:
    """Yield the texts of the messages on a line: each object, and each reading of a batch."""
    for text in objects_on(line):
        yield from readings_of(text)


def objects_on(line: str) -> Iterator[str]:
    """Yield the objects on a line, in order; braces inside strings do not count.

    Firehose writes no delimiter between records unless it is configured to. Text with unbalanced
    braces stays one text, for validation later.
    """
    start, outside = 0, 0
    if _END_OF_OBJECT.search(line):
        for bracket, depth in brackets(line):
            closes = bracket[0] == "}" and depth <= outside
            if closes and _END_OF_OBJECT.match(line, bracket.start()):
                yield line[start : bracket.end()].strip(_SEPARATORS)
                start, outside = bracket.end(), depth
    if rest := line[start:].strip(_SEPARATORS):
        yield rest


def readings_of(text: str) -> list[str]:
    """Return one message per reading of a batch, with the fields that the batch's readings share.

    A reading's own fields override the batch's, except the rule's stamps, which a device cannot
    set. A reading that is not an object stays in a separate batch. A text that is not a batch is
    returned unchanged, and so is a batch whose messages would together be longer than
    `MAX_BATCH_TEXT`.
    """
    if f'"{READINGS}"' not in text or len(text) > MAX_TEXT or is_too_deep(text):
        return [text]
    batch = _loaded(text)
    readings = batch.pop(READINGS, None) if isinstance(batch, dict) else None
    if not isinstance(readings, list) or not readings:
        return [text]
    if len(_text(batch)) * len(readings) > MAX_BATCH_TEXT:
        return [text]
    stamps = {name: batch[name] for name in STAMPS if name in batch}
    return [
        _text(
            batch | reading | stamps if isinstance(reading, dict) else batch | {READINGS: [reading]}
        )
        for reading in readings
    ]


class MessageParser:
    """Parser of messages with fields of given types into Arrow tables.

    Parameters
    ----------
    types
        Result of `contracts.messages.telemetry.field_types`.

    Attributes
    ----------
    schema
        Columns of a message: ``raw_line`` (its text, maybe with the line's end), the fields of
        `types`, ``taken_at`` (its ``timestamp``; null if that is not RFC 3339), ``extra`` (all
        other fields, as text), and for an invalid message ``fault`` (reason for quarantine) and
        ``fault_detail``.
    """

    def __init__(self, types: Mapping[str, FieldType]) -> None:
        self._types = types
        self._fields = pa.schema([(name, _ARROW_TYPES[type_]) for name, type_ in types.items()])
        self._numbers = [name for name, type_ in types.items() if type_ == "number"]
        self._sound_only = pyarrow.json.ParseOptions(
            explicit_schema=self._fields, unexpected_field_behavior="error"
        )
        self.schema = pa.schema(
            [
                ("raw_line", pa.string()),
                *self._fields,
                ("taken_at", TIME),
                ("extra", pa.map_(pa.string(), pa.string())),
                ("fault", pa.string()),
                ("fault_detail", pa.string()),
            ]
        )

    def block(self, block: bytes) -> pa.Table:
        """Parse a block of lines."""
        return self._joined(self.tables(block))

    def tables(self, block: bytes) -> Iterator[pa.Table]:
        """Parse a block of lines, irregular ones `MESSAGES_AT_ONCE` messages at a time."""
        try:
            sound = self._sound(block)
        except Exception:  # of one line at least, which is found below
            sound = None
        if sound is not None:
            yield sound
            return
        irregular: list[bytes] = []
        for tables, lines in apart(
            block.split(b"\n"),
            lambda part: [self._sorted_out(part)],
            lambda part, error: ([self.failed(decoded(part[0]), error)], []),
        ):
            yield from tables
            irregular += lines
        yield from self.irregular(irregular)

    def irregular(self, lines: Iterable[bytes]) -> Iterator[pa.Table]:
        """Parse lines message by message, `MESSAGES_AT_ONCE` at a time.

        A short line may have millions of messages, each of which needs more memory than its text.
        """
        texts: list[str] = []
        for line in lines:
            try:
                for text in messages_on(decoded(line)):
                    texts.append(text)
                    if len(texts) >= MESSAGES_AT_ONCE:
                        yield self._texts(texts)
                        texts = []
            except Exception as error:
                yield self.failed(decoded(line), error)
        yield self._texts(texts)

    def _sorted_out(self, lines: list[bytes]) -> tuple[list[pa.Table], list[bytes]]:
        """Return the tables of regular lines, and the other lines."""
        tables: list[pa.Table] = []
        others: list[bytes] = []
        for start in range(0, len(lines), LINES_PER_PIECE):
            piece = lines[start : start + LINES_PER_PIECE]
            if (sound := self._sound(b"\n".join((*piece, b"")))) is not None:
                tables.append(sound)
            else:
                others += piece
        return tables, others

    def _texts(self, texts: list[str]) -> pa.Table:
        """Parse messages, one per text."""
        return self._joined(
            apart(
                texts,
                lambda part: [self._together(part)],
                lambda part, error: self.failed(part[0], error),
            )
        )

    def _together(self, texts: list[str]) -> pa.Table:
        lines = "".join(f"{text}\n" for text in texts)
        sound = self._sound(lines.encode("utf-8", "surrogatepass"))
        if sound is not None and sound.num_rows == len(texts):
            return sound
        return self._table([self._message(text) for text in texts])

    def failed(self, text: str, error: Exception) -> pa.Table:
        """Return the row of a message or an object on which this program failed."""
        return self._table([_refused(text, ETL_ERROR, described(error))])

    def long_line(self, start: bytes, length: int) -> pa.Table:
        """Return the row of a line that was too long to be read."""
        return self._table([_too_large(decoded(start), f"{length:,} bytes")])

    def empty(self) -> pa.Table:
        """Return the row that represents an object without any message."""
        return self._table([_refused("", "empty_object", "expected messages; got none")])

    def damaged(self, detail: str) -> pa.Table:
        """Return the row that represents the unreadable part of an object."""
        return self._table([_refused("", "damaged_object", detail)])

    def _sound(self, block: bytes) -> pa.Table | None:
        """Parse lines that are each one valid object without unknown fields; None for any other."""
        text = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(text == ord("\n"))
        starts = np.append(0, ends + 1)
        if starts[-1] != len(text) or not len(ends) or b"\r" in block or not _is_utf8(block):
            return None
        if (ends - starts[:-1]).max() > MAX_TEXT:
            return None
        # Every line starts and ends with a brace, so with as many objects, each line is one.
        if (text[starts[:-1]] != ord("{")).any() or (text[ends - 1] != ord("}")).any():
            return None
        reading = pyarrow.json.ReadOptions(use_threads=False, block_size=len(block))
        try:
            fields = pyarrow.json.read_json(pa.BufferReader(block), reading, self._sound_only)
        except pa.ArrowInvalid:
            return None
        if fields.num_rows != len(ends) or not all(
            pc.all(pc.is_finite(fields[name])).as_py() is not False for name in self._numbers
        ):
            return None  # NaN is not JSON
        taken_at = times(fields["timestamp"])
        if taken_at is None:
            return None
        nothing = pa.nulls(len(ends), pa.string())
        no_extra = pa.MapArray.from_arrays(
            pa.array(np.zeros(len(ends) + 1, np.int32)),
            pa.array([], pa.string()),
            pa.array([], pa.string()),
        )
        raw_lines = pa.StringArray.from_buffers(
            len(ends), pa.py_buffer(starts.astype(np.int32)), pa.py_buffer(block)
        )
        columns = [
            raw_lines,
            *fields.select(self._fields.names),
            taken_at,
            no_extra,
            nothing,
            nothing,
        ]
        return pa.table(columns, self.schema)

    def _joined(self, tables: Iterable[pa.Table]) -> pa.Table:
        return pa.concat_tables((self.schema.empty_table(), *tables))

    def _table(self, rows: list[dict[str, Any]]) -> pa.Table:
        columns = [
            pa.array([row.get(field.name) for row in rows], field.type) for field in self.schema
        ]
        return pa.table(columns, self.schema)

    def _message(self, text: str) -> dict[str, Any]:
        if len(text) > MAX_TEXT:
            return _too_large(text, f"{len(text):,} characters")
        if is_too_deep(text):
            return _refused(
                text, "too_deep", f"expected at most {MAX_DEPTH} objects and lists in each other"
            )
        fields = _loaded(text)
        if not isinstance(fields, dict):
            return _refused(text, "not_json", "expected one JSON object")
        if READINGS in fields:
            return _refused(text, "bad_batch", _fault_of_batch(fields))
        known = {name: value for name in self._types if (value := fields.get(name)) is not None}
        if wrong := [name for name, value in known.items() if not self._fits(name, value)]:
            expected = ", ".join(f"{name} to be {_A[self._types[name]]}" for name in wrong)
            got = ", ".join(f"{name}: {_text(fields[name])}" for name in wrong)
            return _refused(text, "wrong_type", f"expected {expected}; got {got}")
        extra = [
            (_valid(name), None if value is None else _valid(_plain(value)))
            for name, value in fields.items()
            if name not in self._types
        ]
        return {name: self._value(name, value) for name, value in known.items()} | {
            "raw_line": _valid(text),
            "taken_at": time_of(known.get("timestamp", "")),
            "extra": extra,
        }

    def _fits(self, name: str, value: object) -> bool:
        type_ = self._types[name]
        if type(value) not in _JSON_TYPES[type_]:  # True is an int for isinstance
            return False
        return type_ != "integer" or (
            -(2**63) <= value < 2**63  # type: ignore[operator]
            and value == int(value)  # type: ignore[call-overload]
        )

    def _value(self, name: str, value: Any) -> object:
        match self._types[name]:
            case "text":
                return _valid(value)
            case "integer":
                return int(value)
            case "number":
                try:
                    return float(value)
                except OverflowError:
                    return math.inf
        return value


def _refused(text: str, fault: str, detail: str) -> dict[str, Any]:
    return {
        "raw_line": _valid(text),
        "extra": [],
        "fault": fault,
        "fault_detail": _valid(detail),
    }


def _too_large(text: str, length: str) -> dict[str, Any]:
    detail = f"expected a message of at most {MAX_TEXT:,} characters; got {length}"
    return _refused(text[:KEPT_TEXT], "too_large", f"{detail}, of which raw_line has the start")


def _fault_of_batch(fields: Mapping[str, Any]) -> str:
    readings = fields[READINGS]
    if isinstance(readings, list) and readings and all(isinstance(one, dict) for one in readings):
        return (
            f"expected a batch whose shared fields take at most {MAX_BATCH_TEXT:,} characters, "
            f"counted once for each reading; got {len(readings):,} readings"
        )
    return f"expected readings to be a list of objects; got {_text(readings)}"


_A = {"text": "text", "integer": "a whole number of 64 bits", "number": "a number"}


def _loaded(text: str) -> Any:
    """Return the value of a JSON text that is not too deep; None if the text is invalid."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_int=_integer)
    except ValueError:
        return None


def _integer(digits: str) -> int | float:
    """Return a whole number; of more digits than Python converts, the nearest floating point."""
    return int(digits) if len(digits) <= LONGEST_INTEGER else float(digits)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _text(value: object) -> str:
    """Return the JSON text of a value; a number that is too large for Python is 1e999."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if "Infinity" not in text:
        return text
    return _INFINITY.sub(lambda token: _NUMBERS.get(token[0], token[0]), text)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else _text(value)


def decoded(text: bytes) -> str:
    """Return the text of bytes; each byte that is not UTF-8 is an unpaired surrogate."""
    return text.decode("utf-8", "surrogateescape")


def _valid(text: str) -> str:
    """Return a text that can be encoded as UTF-8.

    Unpaired surrogates become their escape sequences: with one character for all of them, values
    that differ would be equal, and a reading would be taken for a repeat of another.
    """
    return text.encode("utf-8", "backslashreplace").decode()


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
