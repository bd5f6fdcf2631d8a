"""Counts what a reader leaves out of a file, and keeps the first case of each kind."""

from __future__ import annotations

from pathlib import Path

from contracts.recordings.errors import UnreadableError


class LeftOut:
    """Rows and values of one file that cannot be used, by column and expectation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kinds: dict[tuple[str | None, str], tuple[str, int]] = {}
        self._remarks: list[str] = []

    def add(self, line: int, error: UnreadableError) -> None:
        """Counts one case."""
        kind = (error.column, error.expected)
        first, count = self._kinds.get(kind) or (error.at(self._path, line), 0)
        self._kinds[kind] = (first, count + 1)

    def remark(self, text: str) -> None:
        """Adds a line about the file that is no fault of a row."""
        self._remarks.append(f"{self._path}: {text}")

    @property
    def count(self) -> int:
        """The number of rows and values that were left out."""
        return sum(count for _, count in self._kinds.values())

    def first(self) -> str | None:
        """Returns the first case, with file, line, column, expected and actual value."""
        return next((first for first, _ in self._kinds.values()), None)

    def notes(self) -> list[str]:
        """Returns one line per kind, with its first case and the number of cases, and remarks."""
        return self._remarks + [
            f"left out: {first}" + (f" ({count:,} such)" if count > 1 else "")
            for first, count in self._kinds.values()
        ]
