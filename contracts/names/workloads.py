"""Workloads: kinds of models that are trained, evaluated and served under one name.

`Names.of` derives the names of a workload's resources. The first workload was the only one in the
estate, so the names of its state machines and jobs do not contain it.
"""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST = len("forecast")
"""Length limit of a workload's name. Job names have at most 63 characters, and run, step and
attempt need the rest."""


@dataclass(frozen=True)
class Workload:
    """A workload, such as ``forecast``.

    Parameters
    ----------
    is_first
        Whether the names of its state machines and jobs omit the workload.
    """

    name: str
    is_first: bool = False

    def __post_init__(self) -> None:
        if not (self.name.isalpha() and self.name.islower() and len(self.name) <= _LONGEST):
            raise ValueError(
                f"a workload has a name of at most {_LONGEST} small letters; got {self.name!r}"
            )


FORECAST = Workload("forecast", is_first=True)

WORKLOADS = (FORECAST,)
"""Every workload of the estate."""
