"""Errors of recorded files."""

from __future__ import annotations

from pathlib import Path

from contracts.errors import LakecastError


class RecordingError(LakecastError):
    """A recorded file, or the description of its columns, cannot be used."""


class NoHeaderError(RecordingError):
    """A file has no line with the columns of the map's time."""


class UnreadableError(ValueError):
    """A field of a row that cannot be used.

    Parameters
    ----------
    column
        Name of the column, or None for the whole row.
    expected, got
        The expected kind of value, and the text in the file.
    """

    def __init__(self, column: str | None, expected: str, got: object) -> None:
        super().__init__(f"expected {expected}; got {got!r:.60}")
        self.column = column
        self.expected = expected

    def at(self, path: Path, line: int) -> str:
        """Returns the message with the file, the line's number in it, and the column."""
        return f"{path}, line {line}{f', column {self.column}' if self.column else ''}: {self}"
