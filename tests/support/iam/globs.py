"""Patterns of ARNs: whether two of them have an ARN in common."""

from __future__ import annotations

from functools import cache

ANY = "*"
"""Matches any characters."""
NO_SLASH = "*/"
"""Matches any characters but a slash."""

Glob = tuple[str, ...]
"""Characters, `ANY` and `NO_SLASH`."""


def glob(pattern: str) -> Glob:
    """Returns the tokens of a pattern in which ``*`` matches any characters."""
    return tuple(ANY if one == "*" else one for one in pattern)


def overlap(left: Glob, right: Glob) -> bool:
    """Returns whether a text exists that both match."""

    @cache
    def from_(i: int, j: int) -> bool:
        if i == len(left) and j == len(right):
            return True
        a = left[i] if i < len(left) else ""
        b = right[j] if j < len(right) else ""
        if a in (ANY, NO_SLASH) and (from_(i + 1, j) or (b and _takes(a, b) and from_(i, j + 1))):
            return True
        if b in (ANY, NO_SLASH) and (from_(i, j + 1) or (a and _takes(b, a) and from_(i + 1, j))):
            return True
        return a == b != "" and from_(i + 1, j + 1)

    return from_(0, 0)


def _takes(wild: str, token: str) -> bool:
    return wild == ANY or token != "/"
