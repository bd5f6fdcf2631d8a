"""Numbers in hyperparameters, which SageMaker passes as text."""

from __future__ import annotations

MOST = 1_000_000
"""Largest value of an integer without a limit of its own: larger ones only exhaust the memory."""


def number_of(text: str, kind: type[int] | type[float]) -> float | None:
    """Returns the number that a text is in ASCII digits; None if it is none.

    Python also takes other digits, and underscores between them.
    """
    try:
        return kind(text) if text.isascii() and "_" not in text else None
    except ValueError:
        return None
