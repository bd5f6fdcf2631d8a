"""A hop: what is done, what is expected, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from smoke.errors import HopError
from smoke.place import Place
from smoke.prices import Usage

T = TypeVar("T")


@dataclass(frozen=True)
class Found:
    """The result of a hop that succeeded, or that does not apply.

    Parameters
    ----------
    text
        Result in one line.
    figures
        Measured values by name.
    skipped
        Whether the hop could not show what it should, for a reason in ``text``.
    """

    text: str
    figures: Mapping[str, float] = field(default_factory=dict)
    usages: Sequence[Usage] = ()
    skipped: bool = False


@dataclass(frozen=True)
class Hop:
    """One hop.

    Parameters
    ----------
    name
        Name, which the verification status refers to.
    expected
        Expected result in one line.
    work
        Function that does it; it raises `HopError`.
    """

    name: str
    title: str
    expected: str
    work: Callable[[Place], Found]


def until(
    ask: Callable[[], T | None],
    seconds: float,
    pause: float,
    late: Callable[[], HopError],
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Asks until there is a result, and returns it.

    Raises
    ------
    HopError
        The result of ``late``, if there is none in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        result = ask()
        if result is not None:
            return result
        if time.monotonic() > deadline:
            raise late()
        sleep(pause)


def pause_of(place: Place) -> float:
    """Returns the seconds between two calls that ask for a state."""
    return float(min(place.settings.forecast.endpoint.poll_seconds, 10))
