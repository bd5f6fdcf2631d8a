"""Parses JSON from outside: RFC 8259 without the extensions of Python's parser."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 100
"""Levels of arrays and objects that a document may nest. Parsers and serialisers recurse per level:
without a limit, one message of a few kilobytes ends the process that reads it."""


def parsed(text: bytes) -> Any:
    """Returns a JSON document's value.

    Unlike `json.loads`, it refuses NaN and Infinity, numbers beyond the range of a double such as
    1e400 (which Python reads as infinity), other encodings than UTF-8, a byte order mark, and deep
    nesting. Integers keep all digits.

    Raises
    ------
    ValueError
        The text is not such a document; the message gives the expected and the actual content.
    """
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"expected JSON in UTF-8; got {text[:20]!r} ({error.reason})") from None
    if decoded.startswith("\ufeff"):
        raise ValueError("expected JSON without a byte order mark; got one")
    try:
        value = json.loads(decoded, parse_float=_finite, parse_constant=_refused)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if decoded.count("[") + decoded.count("{") > MAX_DEPTH:
        _check_depth(value)
    return value


_TOO_DEEP = f"expected at most {MAX_DEPTH} nested arrays and objects; got more"


def _check_depth(value: Any) -> None:
    """Checks the depth without recursion: level by level."""
    level = [value] if isinstance(value, list | dict) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, list | dict)
        ]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"expected a number in the range of a double; got {text:.40}")
    return value


def _refused(text: str) -> NoReturn:
    raise ValueError(f"expected JSON, which has no {text}")
