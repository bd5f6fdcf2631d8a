"""Parses JSON from outside: RFC 8259 without the extensions of Python's parser."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

MAX_DEPTH = 128
"""Levels of arrays and objects that a document may nest. Parsers and serialisers recurse per level:
without a limit, one message of a few kilobytes ends the process that reads it. Those of Python,
Arrow and Spark have limits of their own, which are higher."""

STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
"""Pattern of a string, or of the rest of a text that has no end of the string. It is possessive: it
never goes back, so the time is linear for any text."""

_TOKEN = re.compile(rf"{STRING}|[{{}}\[\]]", re.DOTALL)
_TOO_DEEP = f"expected at most {MAX_DEPTH} nested arrays and objects; got more"


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
    if is_too_deep(decoded):
        raise ValueError(_TOO_DEEP)
    return json.loads(decoded, parse_float=_finite, parse_constant=_refused)


def is_too_deep(text: str) -> bool:
    """Returns whether arrays and objects of a text are nested deeper than `MAX_DEPTH`."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    return any(depth > MAX_DEPTH for _, depth in brackets(text))


def brackets(text: str) -> Iterator[tuple[re.Match[str], int]]:
    """Yields the brackets outside strings, each with the number of those open behind it.

    The text need not be JSON: the number is negative behind brackets that close nothing.
    """
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        else:
            continue
        yield token, depth


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"expected a number in the range of a double; got {text:.40}")
    return value


def _refused(text: str) -> NoReturn:
    raise ValueError(f"expected JSON, which has no {text}")
