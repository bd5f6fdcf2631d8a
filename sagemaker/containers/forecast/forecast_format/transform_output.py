"""Reads the output of a batch transform: one JSON object per line, in the order of the input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from container_runtime.errors import DataError, shown

from contracts.json_text import parsed


def answers(path: Path, name: str) -> Iterator[dict[str, Any]]:
    """Yield the predictions of a file.

    Parameters
    ----------
    name
        Name of the file in error messages.

    Raises
    ------
    DataError
        The file cannot be read, or a line is not a JSON object; the message names the line.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _answer(line, f"{name}, line {number}")
    except OSError as error:
        raise DataError(f"{name}: the transform output cannot be read: {error}") from None


def _answer(line: bytes, place: str) -> dict[str, Any]:
    try:
        answer = parsed(line)
    except ValueError as error:
        raise DataError(f"{place}: not JSON: {error}") from None
    if not isinstance(answer, dict):
        raise DataError(f"{place}: expected an object with a prediction; got {shown(answer)}")
    return answer
