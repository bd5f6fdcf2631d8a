"""Keeps an unexpected error on one message from stopping the messages around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
Part = Any
"""A part of the items: something with a length that can be sliced, such as a list or a table."""

ETL_ERROR = "etl_error"
"""Reason for quarantine of a message or an object on which the ETL itself failed."""


def apart(
    items: Part,
    convert: Callable[[Part], Iterable[T]],
    refuse: Callable[[Part, Exception], T],
) -> Iterator[T]:
    """Convert items together; if that fails, halve them until the failing ones are alone.

    Parameters
    ----------
    convert
        Function that converts any part of the items.
    refuse
        Function that returns the result for a part of one item and the error that it raised.
    """
    if not len(items):
        return
    try:
        found = list(convert(items))
    except Exception as error:
        if len(items) == 1:
            yield refuse(items, error)
            return
        half = len(items) // 2
        yield from apart(items[:half], convert, refuse)
        yield from apart(items[half:], convert, refuse)
    else:
        yield from found


def described(error: Exception) -> str:
    """Return type and message of an error, for the column ``detail``."""
    return f"{type(error).__name__}: {error}".removesuffix(": ")
