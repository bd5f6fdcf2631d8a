"""Translates the regular expressions of AWS's service models, which are Java's, to Python's.

Python has no classes by Unicode property such as ``\\p{L}``, and reads characters beyond the basic
plane as one character, where Java writes the two of UTF-16.
"""

from __future__ import annotations

import re
import string
import sys
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import groupby

_SURROGATES = r"\uD800\uDC00-\uDBFF\uDFFF"
"""All characters beyond the basic plane, as Java writes them."""
_POSIX = {
    "Alnum": string.ascii_letters + string.digits,
    "Alpha": string.ascii_letters,
    "ASCII": "".join(map(chr, range(128))),
    "Cntrl": "".join(map(chr, [*range(32), 127])),
    "Digit": string.digits,
    "Graph": string.ascii_letters + string.digits + string.punctuation,
    "Lower": string.ascii_lowercase,
    "Print": string.ascii_letters + string.digits + string.punctuation + " ",
    "Punct": string.punctuation,
    "Space": " \t\n\x0b\f\r",
    "Upper": string.ascii_uppercase,
    "XDigit": string.hexdigits,
}
_BINARY = {"IsAlphabetic": ("L", "Nl"), "IsDigit": ("Nd",), "IsLetter": ("L",)}
"""Unicode's general categories that stand in for binary properties."""


class PatternError(ValueError):
    """A pattern uses something of Java's regular expressions that is not translated."""


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compiles one of AWS's patterns.

    Raises
    ------
    PatternError
        Python cannot read the pattern, so nothing can be said about a value.
    """
    try:
        return re.compile(_translated(pattern))
    except (re.error, KeyError) as error:
        raise PatternError(f"the pattern {pattern!r} is not understood: {error}") from error


def _translated(pattern: str) -> str:
    # some patterns have a quantifier after the end anchor
    pattern = re.sub(r"\$\{1,\d+\}$", "$", pattern)
    pattern = pattern.replace(_SURROGATES, "\U00010000-\U0010ffff")
    out: list[str] = []
    in_class, at = False, 0
    flagged = [0]  # per open group, the groups that its flags have opened
    while at < len(pattern):
        if not in_class and at and pattern.startswith("(?i)", at) and out[-1] in "(|":
            # Java's flag holds to the end of the group around it
            out.append("(?i:")
            flagged[-1] += 1
            at += len("(?i)")
            continue
        escaped = re.compile(r"\\([pP])(?:\{(\w+)\}|(\w))").match(pattern, at)
        if escaped:
            out.append(_property(escaped[2] or escaped[3], escaped[1] == "P", in_class))
            at = escaped.end()
            continue
        one = read = pattern[at : at + 2] if pattern[at] == "\\" else pattern[at]
        if one == r"\z":  # the end of the text
            one = r"\Z"
        elif in_class and one == "-" and out[-1] in (r"\w", r"\d", r"\s"):
            one = r"\-"  # a class has no range
        elif in_class and (one == "[" or pattern.startswith("&&", at)):
            raise PatternError(f"the pattern {pattern!r} has a class in a class")
        elif not in_class and one == "(":
            flagged.append(0)
        elif not in_class and one == ")":
            out.append(")" * flagged.pop())
        in_class = one == "[" or (in_class and one != "]")
        out.append(one)
        at += len(read)
    return "".join(out) + ")" * flagged.pop()


def _property(name: str, is_negated: bool, in_class: bool) -> str:
    if in_class and is_negated:
        raise PatternError(f"the property \\P{{{name}}} is negated within a class")
    ranges = _ranges(name)
    return ranges if in_class else f"[{'^' if is_negated else ''}{ranges}]"


@cache
def _ranges(name: str) -> str:
    """Returns the characters of a property as the content of a class."""
    if name in _POSIX:
        return _as_class((ord(one), ord(one)) for one in _POSIX[name])
    wanted = _BINARY.get(name, (name.removeprefix("Is"),))
    found = [run for one, runs in _categories().items() if one.startswith(wanted) for run in runs]
    if not found:
        raise KeyError(name)
    return _as_class(found)


@cache
def _categories() -> dict[str, list[tuple[int, int]]]:
    """Returns the first and last characters of runs of each of Unicode's general categories."""
    found: dict[str, list[tuple[int, int]]] = {}
    first = 0
    every = map(unicodedata.category, map(chr, range(sys.maxunicode + 1)))
    for category, run in groupby(every):
        size = len(list(run))
        found.setdefault(category, []).append((first, first + size - 1))
        first += size
    return found


def _as_class(runs: Iterable[tuple[int, int]]) -> str:
    """Returns runs of characters in their order, those that touch as one."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(runs):
        if merged and merged[-1][1] + 1 == first:
            merged[-1] = merged[-1][0], last
        else:
            merged.append((first, last))
    return "".join(f"{_escaped(first)}-{_escaped(last)}" for first, last in merged)


def _escaped(code: int) -> str:
    return f"\\U{code:08x}"
