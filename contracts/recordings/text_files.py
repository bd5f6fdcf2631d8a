"""Reads text files of unknown encoding, compressed or not."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import hashlib
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from contracts.recordings.errors import RecordingError, UnreadableError

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
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
            start = content.read(len(_ZIP))
            if start == _ZIP:
                raise RecordingError(
                    f"{path}: expected a text file; got a zip archive or a workbook (.xlsx): "
                    "unpack it, or save the sheet as CSV"
                )
            if start.startswith(_UTF_16):
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

        Of a line beyond `LINE_LIMIT` only the start is returned, which `fields` refuses.

        Raises
        ------
        RecordingError
            The file cannot be read.
        """
        with _readable(self.path), _text(self.path, self.encoding) as lines:
            number = 0
            while line := lines.readline(LINE_LIMIT + 1):
                number += 1
                if line != "\n":
                    yield number, line
                while len(line) > LINE_LIMIT and not line.endswith("\n"):
                    line = lines.readline(LINE_LIMIT + 1)


def fields(line: str, delimiter: str) -> list[str]:
    """Splits one record of a CSV file.

    Raises
    ------
    UnreadableError
        A quotation mark has no partner, the line has a NUL, or exceeds `LINE_LIMIT`.
    """
    if len(line) > LINE_LIMIT:
        raise UnreadableError(None, f"at most {LINE_LIMIT:,} characters", f"{line[:20]}…")
    shown = line.rstrip("\n")
    if line.count('"') % 2:
        raise UnreadableError(None, "a row of CSV (each quotation mark with its partner)", shown)
    try:
        found = next(csv.reader((line,), delimiter=delimiter, skipinitialspace=True, strict=True))
    except (csv.Error, StopIteration) as error:
        raise UnreadableError(None, f"a row of CSV ({error})", shown) from None
    return found


def normalised(name: str) -> str:
    """Returns a column's name for comparison: without regard to case, blanks and superscripts."""
    return " ".join(unicodedata.normalize("NFKC", name).split()).casefold()


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
