"""The text in a raw object, also where the object was cut off or damaged on its way."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

BLOCK = 4 * 1024 * 1024
"""Bytes of text that are worked on at a time."""

_WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS
_PADDING = b"\0"  # which gzip allows at the end


class DamagedObjectError(ValueError):
    """An object ends before its time, or does not match its checksum."""


def blocks_of_lines(content: bytes, compressed: bool) -> Iterator[bytes]:
    """Whole lines of an object in blocks of about `BLOCK` bytes.

    Parameters
    ----------
    compressed
        It is one or several gzip members.

    Raises
    ------
    DamagedObjectError
        Behind the last block: all that could be read came before it, so that a caller who keeps
        the blocks loses nothing but what is not there.
    """
    open_line, damage = b"", None
    pieces = _inflated(content) if compressed else _slices(content)
    try:
        for piece in pieces:
            whole, newline, rest = piece.rpartition(b"\n")
            if newline:
                yield open_line + whole + newline
                open_line = b""
            open_line += rest
    except DamagedObjectError as error:
        damage = error
    if open_line:
        yield open_line
    if damage is not None:
        raise damage


def _slices(content: bytes) -> Iterator[bytes]:
    return (content[start : start + BLOCK] for start in range(0, len(content), BLOCK))


def _inflated(content: bytes) -> Iterator[bytes]:
    """What gzip members hold, up to where they are damaged."""
    while content := content.lstrip(_PADDING):
        member = zlib.decompressobj(_WITH_GZIP_HEADER)
        while not member.eof:
            before = member.copy()
            try:
                piece = member.decompress(content, BLOCK)
            except zlib.error as error:
                yield _up_to_the_error(before, content)
                raise DamagedObjectError(f"expected sound gzip; got {error}") from None
            yield piece
            content = member.unconsumed_tail
            if not (member.eof or content or piece):
                raise DamagedObjectError("expected a whole gzip member; got one that is cut off")
        content = member.unused_data


def _up_to_the_error(member: zlib._Decompress, content: bytes) -> bytes:
    """zlib gives nothing of a call that fails, so it is called for one byte after the other."""
    text = bytearray()
    try:
        for place in range(len(content)):
            text += member.decompress(content[place : place + 1])
    except zlib.error:
        return bytes(text)
    raise AssertionError("the same bytes failed before")
