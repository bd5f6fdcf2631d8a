"""Finds the cause of an error in the long texts of Spark's exceptions."""

from __future__ import annotations

_TRACEBACK = "Traceback (most recent call last):\n"
_CAUSED_BY = "Caused by: "


def cause_of(error: BaseException) -> str:
    """Return type and cause of an error in one line.

    Spark puts a Python error of a worker, with its traceback, behind an empty line, and a Java
    error behind the name of the method that was called. The line shows the last error of the
    traceback, or Java's last ``Caused by``, because the first lines only say that a task failed.
    """
    text = str(error)
    name, cause = type(error).__name__, _of_python(text) or _of_java(text)
    if not cause and (behind := error.__cause__ or error.__context__) is not None:
        cause = cause_of(behind)
    return f"{name}: {cause}" if cause else f"{name} without a message"


def _of_python(text: str) -> str:
    """Return the exception below the last traceback; its lines are not indented."""
    _, found, below = text.rpartition(_TRACEBACK)
    lines = (line for line in below.splitlines() if line and not line.startswith(" "))
    return next(lines, "") if found else ""


def _of_java(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    described = (line.removeprefix(": ") for line in lines if line)
    first = next(described, "")
    if first.startswith("An error occurred while calling"):
        first = next(described, first)
    last = [line.removeprefix(_CAUSED_BY) for line in lines if line.startswith(_CAUSED_BY)]
    return f"{first}; cause: {last[-1]}" if last and last[-1] not in first else first
