"""Workloads: kinds of models that are trained, evaluated and served under one name.

A workload's resources are named after it. The first workload was the only one in the estate, so
the names of its state machines and jobs do not contain it.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.names import Names

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

    def model_package_group(self, names: Names) -> str:
        """Returns the name of the group of its registered versions."""
        return names.part(self.name)

    def endpoint(self, names: Names) -> str:
        """Returns the name of the endpoint that serves it."""
        return names.part(self.name)

    def api(self, names: Names) -> str:
        """Returns the name of the API in front of the endpoint, and of the API's function."""
        return names.part(f"{self.name}-api")

    def retrain_machine(self, names: Names) -> str:
        """Returns the name of the state machine that trains and evaluates a new version."""
        return self._machine(names, "retrain")

    def rollout_machine(self, names: Names) -> str:
        """Returns the name of the state machine that owns the endpoint."""
        return self._machine(names, "rollout")

    def retrain_jobs(self, names: Names) -> str:
        """Returns the prefix of the names of its retraining jobs and models."""
        return names.part("retrain" if self.is_first else self.name)

    def _machine(self, names: Names, task: str) -> str:
        return names.part(task if self.is_first else f"{self.name}-{task}")


FORECAST = Workload("forecast", is_first=True)

WORKLOADS = {one.name: one for one in (FORECAST,)}
"""Every workload of the estate, by name."""
