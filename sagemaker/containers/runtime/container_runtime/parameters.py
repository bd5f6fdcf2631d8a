"""Parses hyperparameters, which SageMaker passes as strings, and reports all errors at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from container_runtime.errors import HyperparameterError
from contracts.models.numbers import MOST, number_of

Parser = Callable[[str], Any]
"""A function that parses one value; its ValueError says what was expected."""

_PANDAS_FREQUENCY = {"M": "M", "W": "W", "D": "D", "H": "h", "min": "min"}


def parse(
    given: Mapping[str, str],
    parsers: Mapping[str, Parser],
    *,
    algorithm: str,
    required: Collection[str],
    may_be_empty: Collection[str] = (),
) -> dict[str, Any]:
    """Parse the given hyperparameters.

    Parameters
    ----------
    algorithm
        Name of the algorithm in error messages.
    may_be_empty
        Hyperparameters for which an empty string is a value; for others it counts as not given.

    Raises
    ------
    HyperparameterError
        A hyperparameter is missing, unknown or out of range; the message names all of them.
    """
    errors = [f"{name} is required" for name in required if not str(given.get(name, "")).strip()]
    errors += [
        f"{name!r} is not a hyperparameter of {algorithm}; known: {', '.join(sorted(parsers))}"
        for name in given
        if name not in parsers and not name.startswith("_")  # "_tuning_…" is SageMaker's own
    ]
    values: dict[str, Any] = {}
    for name, read in parsers.items():
        text = str(given[name]).strip() if name in given else None
        if text is None or (not text and name not in may_be_empty):
            continue
        try:
            values[name] = read(text)
        except ValueError as error:
            errors.append(f"{name} must be {error}; got {given[name]!r}")
    if errors:
        raise HyperparameterError("hyperparameters: " + "; ".join(errors))
    return values


def frequency(text: str) -> str:
    """Parse ``time_freq``: ``M``, ``W``, ``D``, ``H`` or ``min``, after an optional multiple."""
    multiple, unit = _split_frequency(text)
    return f"{multiple}{unit}" if multiple > 1 else unit


def pandas_frequency(time_freq: str) -> str:
    """Convert a ``time_freq`` into pandas' notation."""
    multiple, unit = _split_frequency(time_freq)
    return f"{multiple if multiple > 1 else ''}{_PANDAS_FREQUENCY[unit]}"


def integer(lowest: int, highest: int = MOST) -> Parser:
    """Return a parser of integers from the lowest to the highest."""
    expected = f"an integer from {lowest} to {highest}"

    def read(text: str) -> int:
        value = number_of(text, int)
        if value is None or not lowest <= value <= highest:
            raise ValueError(expected)
        return int(value)

    return read


def number(lowest: float, highest: float, expected: str) -> Parser:
    """Return a parser of numbers from the lowest to below the highest."""

    def read(text: str) -> float:
        value = number_of(text, float)
        if value is None or not lowest <= value < highest:
            raise ValueError(expected)
        return value

    return read


def _split_frequency(time_freq: str) -> tuple[int, str]:
    match = re.fullmatch(r"([1-9][0-9]{0,3})? *(M|W|D|H|min)", time_freq)
    if match is None:
        raise ValueError("M, W, D, H or min, with an optional multiple such as 5min")
    return int(match[1] or 1), match[2]
