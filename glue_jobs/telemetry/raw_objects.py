"""Reads the text of a raw object, even if the object is truncated or damaged.

An object is read and decompressed in pieces, so its size is not limited by the memory of a process.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

BLOCK = 4 * 1024 * 1024
"""Bytes of text that are processed at a time."""

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of a line that are held in memory. Messages without a newline between them are one line."""

KEPT_OF_A_LINE = 1024 * 1024
"""Bytes kept of a longer line."""

_WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS
_GZIP = b"\x1f\x8b"
_PADDING = b"\0"  # gzip allows it at the end
_BLANK = b" \t\r\n\xef\xbb\xbf"  # with the bytes of a byte order mark


class DamagedObjectError(ValueError):
    """An object is truncated, or does not match its checksum."""


@dataclass(frozen=True)
class LongLine:
    """A line that is longer than `LONGEST_LINE`: its start and its length in bytes."""

    start: bytes
    length: int


def blocks_of_lines(source: BinaryIO, name: str) -> Iterator[bytes | LongLine]:
    """Yield whole lines of an object in blocks of about `BLOCK` bytes.

    An object is decompressed if it begins as gzip does. If only its name ends in ``.gz``, it is
    decompressed too, unless it begins with a message: then something has decompressed it before.

    Raises
    ------
    DamagedObjectError
        The object is damaged; raised after the last block, so that a caller keeps everything that
        could be read.
    """
    damage = None
    line = _OpenLine()
    first = source.read(BLOCK)
    is_text = first.lstrip(_BLANK).startswith(b"{")
    compressed = first.startswith(_GZIP) or (name.endswith(".gz") and not is_text)
    pieces = _inflated(first, source) if compressed else _read(first, source)
    try:
        for piece in pieces:
            end = piece.find(b"\n") + 1
            if not end:
                line.add(piece)
                continue
            last = piece.rindex(b"\n") + 1
            if line.is_long:
                line.add(piece[: end - 1])
                yield line.taken()
                yield from _if_any(piece[end:last])
            else:
                yield line.taken_with(piece[:last])
            line.add(piece[last:])
    except DamagedObjectError as error:
        damage = error
    if line.length:
        yield line.taken()
    if damage is not None:
        raise damage


class _OpenLine:
    """The start of a line whose end was not read yet."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.length = 0

    @property
    def is_long(self) -> bool:
        return self.length > LONGEST_LINE

    def add(self, piece: bytes) -> None:
        self.length += len(piece)
        if not self.is_long:
            self._pieces.append(piece)
        elif len(self._pieces) != 1 or len(self._pieces[0]) > KEPT_OF_A_LINE:
            self._pieces = [b"".join((*self._pieces, piece))[:KEPT_OF_A_LINE]]

    def taken(self) -> bytes | LongLine:
        """Return the line, and start the next one."""
        text, length, is_long = b"".join(self._pieces), self.length, self.is_long
        self._pieces, self.length = [], 0
        return LongLine(text[:KEPT_OF_A_LINE], length) if is_long else text

    def taken_with(self, lines: bytes) -> bytes:
        """Return a line that is not long with its end and the lines behind it."""
        text = b"".join((*self._pieces, lines))
        self._pieces, self.length = [], 0
        return text


def _if_any(text: bytes) -> Iterator[bytes]:
    if text:
        yield text


def _read(first: bytes, source: BinaryIO) -> Iterator[bytes]:
    yield from _if_any(first)
    yield from iter(lambda: source.read(BLOCK), b"")


def _inflated(first: bytes, source: BinaryIO) -> Iterator[bytes]:
    """Yield the content of gzip members, up to a damaged place."""
    content = first
    while content := _behind_padding(content, source):
        member = zlib.decompressobj(_WITH_GZIP_HEADER)
        pending = False  # whether the last call was limited by the size of its result
        while not member.eof:
            if not content and not pending and not (content := source.read(BLOCK)):
                raise DamagedObjectError("expected a complete gzip member; got a truncated one")
            before = member.copy()
            try:
                piece = member.decompress(content, BLOCK)
            except zlib.error as error:
                yield _up_to_the_error(before, content)
                raise DamagedObjectError(f"expected valid gzip; got {error}") from None
            yield piece
            pending = len(piece) >= BLOCK
            content = member.unconsumed_tail
        content = member.unused_data


def _behind_padding(content: bytes, source: BinaryIO) -> bytes:
    """Return what follows the padding; nothing at the end of the object."""
    while not (content := content.lstrip(_PADDING)):
        if not (content := source.read(BLOCK)):
            return b""
    return content


def _up_to_the_error(member: zlib._Decompress, content: bytes) -> bytes:
    """Decompress byte by byte up to the error, because a failing zlib call returns nothing."""
    text = bytearray()
    try:
        for place in range(len(content)):
            text += member.decompress(content[place : place + 1])
    except zlib.error:
        return bytes(text)
    raise AssertionError("the same bytes failed before")
