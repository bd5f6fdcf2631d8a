"""Reads text files of unknown encoding, compressed or not."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from contracts.recordings.errors import RecordingError, UnreadableError

_GZIP = b"\x1f\x8b"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHUNK_BYTES = 1 << 20
LINE_LIMIT = 1 << 16
"""Maximum length of a line in characters; without a limit, a file of one line fills the memory."""


@dataclass(frozen=True)
class TextFile:
    """A text file.

    Parameters
    ----------
    digest
        SHA-256 of the uncompressed content.
    encoding
        UTF-8, or UTF-16 with its byte order mark, or otherwise Latin-1, which has every byte.
    """

    path: Path
    digest: str
    encoding: str

    @classmethod
    def examine(cls, path: Path) -> TextFile:
        """Reads a file once to find its digest and its encoding.

        Raises
        ------
        RecordingError
            The file cannot be read, or its archive is damaged.
        """
        digest = hashlib.sha256()
        decoder = codecs.getincrementaldecoder("utf-8")()
        encoding = "utf-8-sig"
        with _readable(path), _bytes(path) as content:
            start = content.read(2)
            if start in _UTF_16:
                encoding = "utf-16"
            chunk = start
            while chunk:
                digest.update(chunk)
                if encoding == "utf-8-sig":
                    try:
                        decoder.decode(chunk)
                    except UnicodeDecodeError:
                        encoding = "latin-1"
                chunk = content.read(_CHUNK_BYTES)
            if encoding == "utf-8-sig":
                try:
                    decoder.decode(b"", final=True)
                except UnicodeDecodeError:
                    encoding = "latin-1"
        return cls(path, digest.hexdigest(), encoding)

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yields the lines that are not empty, with their numbers from 1.

        Raises
        ------
        RecordingError
            The file cannot be read, or has a line beyond `LINE_LIMIT`.
        """
        with _readable(self.path), _text(self.path, self.encoding) as lines:
            number = 0
            while line := lines.readline(LINE_LIMIT + 1):
                number += 1
                if len(line) > LINE_LIMIT:
                    raise RecordingError(
                        f"{self.path}, line {number}: expected at most {LINE_LIMIT:,} characters; "
                        "got more: is it a CSV file?"
                    )
                if line != "\n":
                    yield number, line


def fields(line: str, delimiter: str) -> list[str]:
    """Splits one line of a CSV file.

    Each line is split alone: a quotation mark without its partner costs one row, not all that
    follow up to the next mark.

    Raises
    ------
    UnreadableError
        A quotation mark has no partner, or the line has a NUL.
    """
    try:
        found = next(csv.reader((line,), delimiter=delimiter, skipinitialspace=True, strict=True))
    except (csv.Error, StopIteration) as error:
        raise UnreadableError(None, f"a row of CSV ({error})", line.rstrip("\n")) from None
    return found


def normalised(name: str) -> str:
    """Returns a column's name for comparison: without regard to case and surrounding blanks."""
    return " ".join(name.split()).casefold()


def listed(names: Sequence[str]) -> str:
    """Lists the columns of a file for an error message."""
    shown = [repr(name) if not name.isprintable() else name for name in names if name.strip()]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(f"{name:.40}" for name in shown[:_SHOWN]) + more


_SHOWN = 25


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise RecordingError(f"{path}: expected a readable text file; got: {error}") from error


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_GZIP)) == _GZIP


def _bytes(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path) if _is_compressed(path) else path.open("rb"))


def _text(path: Path, encoding: str) -> IO[str]:
    if _is_compressed(path):
        return gzip.open(path, "rt", encoding=encoding)
    return path.open(encoding=encoding)
