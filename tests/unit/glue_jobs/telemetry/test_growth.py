"""Tests that time and memory grow no faster than the input, by ratios and never by seconds."""

from __future__ import annotations

import gzip
import io
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import pytest

from contracts.messages.telemetry import MAX_TEXT, VERSIONS, field_types
from glue_jobs.telemetry import messages, parsing, raw_objects
from glue_jobs.telemetry.messages import Packing, rows_of_object
from glue_jobs.telemetry.packing import unpacked
from glue_jobs.telemetry.parsing import MessageParser, objects_on
from glue_jobs.telemetry.raw_objects import LongLine, blocks_of_lines

GROWTH = 16
PARSER = MessageParser(field_types(VERSIONS))
HOW = Packing("telemetry/", 1)

UNITS = (
    " ",
    "}",
    "} ",
    "}, ",
    "},{",
    "{",
    "[",
    '"',
    '"}',
    '\\"',
    "\\",
    '{"a":',
    "x",
    "\ufeff",
    "{} ",
)
FRAMES = ('{{"note": "}}{0}"}}', "{0}", '{{"note": "{0}', '}}{0}{{"a": 1}}', '{{"a": 1}}{0}x{{')


def seconds(work: Callable[[], object]) -> float:
    """Return the shortest of some processor times, which other processes disturb least."""
    times = []
    for _ in range(5):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def ratio(work: Callable[[int], object], size: int) -> float:
    """Return how many times longer `GROWTH` times the input takes."""
    return seconds(lambda: work(size * GROWTH)) / max(seconds(lambda: work(size)), 1e-4)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("frame", FRAMES)
def test_splitting_a_line_takes_linear_time(unit: str, frame: str) -> None:
    def split(size: int) -> None:
        list(objects_on(frame.format(unit * size)))

    assert ratio(split, 2_000) < GROWTH * 4  # quadratic: 16 times


FIELD = '{{"device_id": "n", "thing_name": "n", {0}}}'


@pytest.mark.parametrize(
    "field",
    [
        '"note": "}}{}"'.replace("}}", "}", 1),
        '"timestamp": "{}"',
        '"sequence": 1{}',
        '"device_id": "{}"',
    ],
)
@pytest.mark.parametrize("unit", [" ", "9", "2026-06-01T12:00:00Z", "}", "[1,"])
def test_reading_a_message_takes_linear_time(field: str, unit: str) -> None:
    def read(size: int) -> None:
        text = field.replace("{}", unit * size)
        PARSER.block(f'{{"thing_name": "n", {text}}}\n'.encode())

    assert ratio(read, 100) < GROWTH * 4  # quadratic: 16 times


def test_a_batch_of_many_readings_and_long_shared_fields_is_limited() -> None:
    """Each reading gets the shared fields, so their product must be limited."""
    batch = json.dumps({"note": "x" * 100_000, "readings": [{"sequence": n} for n in range(999)]})
    (message,) = PARSER.block(f"{batch}\n".encode()).to_pylist()
    assert message["fault"] == "bad_batch"
    assert message["fault_detail"].endswith("counted once for each reading; got 999 readings")
    assert len(batch) < MAX_TEXT


def object_of(source: BinaryIO) -> list[dict[str, Any]]:
    path = "/2026/06/03/10/object.gz"
    batches = rows_of_object(PARSER, HOW, messages._delivered, path, source)
    return [row for batch in batches for row in unpacked(batch["payload"].to_pylist()).to_pylist()]


def test_a_line_of_200_megabytes_needs_no_such_memory() -> None:
    """A long line is read in pieces; the lines around it are kept."""
    sound = b'{"thing_name": "n", "timestamp": "2026-06-01T12:00:00Z", "ozone": 1}\n'

    def long() -> Iterator[bytes]:
        yield gzip.compress(sound)
        member = gzip.compress(b"x" * 10_000_000)
        yield from (member for _ in range(20))
        yield gzip.compress(b"\n" + sound)

    source = io.BytesIO(b"".join(long()))
    tracemalloc.start()
    first, refused, last = object_of(source)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * raw_objects.LONGEST_LINE
    assert first["ozone"] == last["ozone"] == 1
    assert refused["reason"] == "too_large"
    assert "got 200,000,000 bytes" in refused["detail"]
    assert refused["raw_line"] == "x" * parsing.KEPT_TEXT


@pytest.mark.parametrize("text", [b"{}", b"{}\n", b'{"readings":[1]}'])
@pytest.mark.parametrize("is_error", [False, True])
def test_many_tiny_messages_need_memory_for_some_at_a_time(
    text: bytes, is_error: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message of two bytes takes a thousand as a row of Python's."""
    for module in (messages, parsing):
        monkeypatch.setattr(module, "MESSAGES_AT_ONCE", 50)
    reader = messages._failed if is_error else messages._delivered

    def peak(number: int) -> int:
        source = io.BytesIO(text * number)
        tracemalloc.start()
        batches = rows_of_object(PARSER, HOW, reader, "/2026/06/03/10/object", source)
        rows = sum(sum(batch["rows"].to_pylist()) for batch in batches)
        assert rows == number
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # what is made once
    assert peak(100 * GROWTH) < 4 * peak(100)


@pytest.mark.parametrize("compressed", [True, False])
def test_joining_a_line_of_many_pieces_takes_linear_time(
    compressed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_objects, "BLOCK", 1_000)

    def read(size: int) -> None:
        content = b"x" * (size * 1_000)
        source = io.BytesIO(gzip.compress(content, 1) if compressed else content)
        (line,) = blocks_of_lines(source, "object")
        assert line == content

    assert ratio(read, 200) < GROWTH * 4  # quadratic: 16 times


@pytest.mark.parametrize("length", [999, 1_000, 1_001, 1_500, 2_000, 2_001, 9_999])
def test_lines_around_a_long_one_are_kept(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_objects, "BLOCK", 100)
    monkeypatch.setattr(raw_objects, "LONGEST_LINE", 1_000)
    monkeypatch.setattr(raw_objects, "KEPT_OF_A_LINE", 50)
    for content in (b"a\n" + b"x" * length + b"\nb\n", b"a\n" + b"x" * length):
        blocks = list(blocks_of_lines(io.BytesIO(content), "object"))
        text = b"".join(b for b in blocks if isinstance(b, bytes))
        long = [b for b in blocks if isinstance(b, LongLine)]
        if long:
            assert long == [LongLine(b"x" * 50, length)]
            assert text == content.replace(b"x" * length, b"").replace(b"\n\n", b"\n")
        else:
            assert text == content
        assert bool(long) or length <= 1_100


def test_the_kept_start_of_a_quarantined_text_says_how_long_it_was() -> None:
    text = json.dumps({"thing_name": "n", "timestamp": "soon", "note": "x" * 200_000})
    (row,) = object_of(io.BytesIO(gzip.compress(text.encode())))
    assert row["reason"] == "bad_time"
    assert row["raw_line"] == text[: parsing.KEPT_TEXT]
    assert row["detail"].endswith(f"raw_line has the first 131,072 of {len(text)} characters")
