"""Waits between two checks of something that state machines can't await: bounded, ever longer.

Step Functions ends an execution with more than 25,000 events in its history; each check adds some:
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.modules.machines.states_language import expression

_GROWTH = 1.05
"""Factor from one wait to the next, so the end is noticed late by a twentieth of the time."""


@dataclass(frozen=True)
class Polling:
    """A loop of checks.

    Parameters
    ----------
    counter
        Variable that counts the waits; it starts at 0.
    first, longest
        Seconds of the first and the longest wait.
    hours
        Hours after which the loop is given up.
    """

    counter: str
    first: int
    longest: int
    hours: int

    @property
    def seconds(self) -> str:
        """JSONata of the next wait, whole seconds."""
        grown = f"{self.first} * $power({_GROWTH}, ${self.counter})"
        return f"$ceil($max([{self.first}, $min([{self.longest}, {grown}])]))"

    @property
    def most(self) -> int:
        """The number of waits in `hours`."""
        waits, waited = 0, 0.0
        while waited < self.hours * 3600:
            waited += max(self.first, min(self.longest, self.first * _GROWTH**waits))
            waits += 1
        return waits

    @property
    def is_over(self) -> str:
        """JSONata of whether the last wait has passed."""
        return f"${self.counter} > {self.most}"

    @property
    def count(self) -> dict[str, str]:
        """The assignment that counts a wait."""
        return {self.counter: expression(f"${self.counter} + 1")}
