"""Tests that the readable part of a raw object is read, and that damage is reported."""

from __future__ import annotations

import gzip
import io
import random

import pytest

from glue_jobs.telemetry import raw_objects
from glue_jobs.telemetry.raw_objects import DamagedObjectError, blocks_of_lines

LINES = [
    f'{{"number":{number},"noise":"{random.Random(number).random()}"}}' for number in range(900)
]
TEXT = "\n".join(LINES).encode()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_objects, "BLOCK", 1_000)


def read(content: bytes, name: str = "object.gz") -> tuple[list[bytes], str]:
    """Return the blocks of an object, and the message about its damage."""
    blocks: list[bytes] = []
    try:
        blocks.extend(blocks_of_lines(io.BytesIO(content), name))
    except DamagedObjectError as damage:
        return blocks, str(damage)
    return blocks, ""


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", ["object.gz", "object", "_a.gz", ".b.gz", "x.jsonl"])
def test_blocks_are_whole_lines_whatever_the_name_of_the_object(
    compressed: bool, name: str
) -> None:
    blocks, damage = read(gzip.compress(TEXT) if compressed else TEXT, name)
    assert damage == ""
    assert len(blocks) > 10
    assert all(block.endswith(b"\n") for block in blocks[:-1])
    assert b"".join(blocks) == TEXT


def test_a_line_may_be_longer_than_a_block() -> None:
    long = b'{"text":"' + b"x" * 5_000_000 + b'"}\n'
    blocks, damage = read(gzip.compress(b"first\n" + long + b"last"))
    assert (b"".join(blocks), damage) == (b"first\n" + long + b"last", "")
    assert long in blocks


def test_several_members_and_trailing_padding_are_read() -> None:
    content = gzip.compress(TEXT[:777]) + gzip.compress(TEXT[777:]) + b"\0" * 100
    assert b"".join(read(content)[0]) == TEXT
    assert read(b"") == ([], "")


@pytest.mark.parametrize("left", [1, 9, 12, 500, 5_000, -9, -1])
def test_the_start_of_a_truncated_object_is_read(left: int) -> None:
    blocks, damage = read(gzip.compress(TEXT)[:left])
    text = b"".join(blocks)
    assert "truncated" in damage
    assert TEXT.startswith(text)
    if left == 5_000:
        assert len(text) > 5_000
    if left < 0:
        assert text == TEXT, "only the checksum was lost"


def test_everything_before_the_damage_of_an_object_is_read() -> None:
    content = bytearray(gzip.compress(TEXT))
    content[-6] ^= 1  # in the checksum
    blocks, damage = read(bytes(content))
    assert b"".join(blocks) == TEXT
    assert "incorrect data check" in damage
    blocks, damage = read(gzip.compress(TEXT) + b"garbage")
    assert b"".join(blocks) == TEXT
    assert "expected valid gzip" in damage
    content = bytearray(gzip.compress(TEXT))
    content[6_000:6_100] = bytes(100)
    blocks, damage = read(bytes(content))
    assert damage
    assert b"".join(blocks)[:10_000] == TEXT[:10_000]


def test_what_only_looks_like_gzip_by_its_name_is_read_or_damaged() -> None:
    blocks, damage = read(b"  " + TEXT)
    assert (b"".join(blocks), damage) == (b"  " + TEXT, "")
    assert "incorrect header check" in read(b"garbage")[1]
    assert read(b"\0" * 5_000) == ([], "")
    assert b"".join(read(b"\0" * 5_000, "object")[0]) == b"\0" * 5_000
