"""Reads the text of a raw object, even if the object is truncated or damaged."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

BLOCK = 4 * 1024 * 1024
"""Bytes of text that are processed at a time."""

_WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS
_PADDING = b"\0"  # gzip allows it at the end


class DamagedObjectError(ValueError):
    """An object is truncated, or does not match its checksum."""


def blocks_of_lines(content: bytes, compressed: bool) -> Iterator[bytes]:
    """Yield whole lines of an object in blocks of about `BLOCK` bytes.

    Parameters
    ----------
    compressed
        Whether the object consists of one or more gzip members.

    Raises
    ------
    DamagedObjectError
        The object is damaged; raised after the last block, so that a caller keeps everything that
        could be read.
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
    """Yield the content of gzip members, up to a damaged place."""
    while content := content.lstrip(_PADDING):
        member = zlib.decompressobj(_WITH_GZIP_HEADER)
        while not member.eof:
            before = member.copy()
            try:
                piece = member.decompress(content, BLOCK)
            except zlib.error as error:
                yield _up_to_the_error(before, content)
                raise DamagedObjectError(f"expected valid gzip; got {error}") from None
            yield piece
            content = member.unconsumed_tail
            if not (member.eof or content or piece):
                raise DamagedObjectError("expected a complete gzip member; got a truncated one")
        content = member.unused_data


def _up_to_the_error(member: zlib._Decompress, content: bytes) -> bytes:
    """Decompress byte by byte up to the error, because a failing zlib call returns nothing."""
    text = bytearray()
    try:
        for place in range(len(content)):
            text += member.decompress(content[place : place + 1])
    except zlib.error:
        return bytes(text)
    raise AssertionError("the same bytes failed before")
