"""Splits the lines of a CSV file into records; a quoted field may have several lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from contracts.recordings.errors import UnreadableError
from contracts.recordings.text_files import LINE_LIMIT, fields

MOST_LINES = 20
"""Maximum number of lines of a record."""


class Record(NamedTuple):
    """One record, or the reason why a line is none.

    Parameters
    ----------
    line, last
        Numbers of its first and last line.
    """

    line: int
    last: int
    fields: list[str]
    error: UnreadableError | None = None


def records(
    lines: Iterator[tuple[int, str]], delimiter: str, is_whole: Callable[[list[str]], bool]
) -> Iterator[Record]:
    """Yields the records of a file.

    A quotation mark without its partner costs one line, not all that follow up to the next mark:
    lines are joined only if the result is whole, and none of the lines between is.

    Parameters
    ----------
    is_whole
        Function that returns whether fields are a whole record of this file.
    """
    ahead: deque[tuple[int, str]] = deque()
    while ahead or (line := next(lines, None)):
        number, text = ahead.popleft() if ahead else line  # type: ignore[misc]
        joined = None
        if text.count('"') % 2:
            joined = _joined(text, lines, ahead, delimiter, is_whole)
        if joined is not None:
            found, count = joined
            last = [ahead.popleft()[0] for _ in range(count)][-1]
            yield Record(number, last, found)
            continue
        try:
            yield Record(number, number, fields(text, delimiter))
        except UnreadableError as error:
            yield Record(number, number, [], error)


def _joined(
    text: str,
    lines: Iterator[tuple[int, str]],
    ahead: deque[tuple[int, str]],
    delimiter: str,
    is_whole: Callable[[list[str]], bool],
) -> tuple[list[str], int] | None:
    """Returns the fields of a record that begins with a line, and the number of further lines."""
    for count in range(1, MOST_LINES):
        if len(ahead) < count:
            if (more := next(lines, None)) is None:
                return None
            ahead.append(more)
        text += ahead[count - 1][1]
        if len(text) > LINE_LIMIT:
            return None
        is_end = ahead[count - 1][1].count('"') % 2
        try:
            found = fields(text if is_end else ahead[count - 1][1], delimiter)
        except UnreadableError:
            found = []
        if is_end:
            return (found, count) if is_whole(found) else None
        if is_whole(found):
            return None
    return None
