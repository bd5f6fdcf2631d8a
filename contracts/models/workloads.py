"""Workloads: what is trained, judged and served under one name.

Everything that a workload has in an environment is named after it. The first workload had the
estate for itself, so its machines and jobs carry no workload in their names.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.names import Names

_LONGEST = len("forecast")
"""Names of jobs have 63 characters, and the rest of them is needed for run, step and attempt."""


@dataclass(frozen=True)
class Workload:
    """A workload, such as ``forecast``.

    Parameters
    ----------
    is_first
        Whether its machines and jobs carry no workload in their names.
    """

    name: str
    is_first: bool = False

    def __post_init__(self) -> None:
        if not (self.name.isalpha() and self.name.islower() and len(self.name) <= _LONGEST):
            raise ValueError(
                f"a workload has a name of at most {_LONGEST} small letters; got {self.name!r}"
            )

    def model_package_group(self, names: Names) -> str:
        """Group of its registered versions."""
        return names.part(self.name)

    def endpoint(self, names: Names) -> str:
        """Endpoint that serves it."""
        return names.part(self.name)

    def api(self, names: Names) -> str:
        """API in front of the endpoint, and the function behind that."""
        return names.part(f"{self.name}-api")

    def retrain_machine(self, names: Names) -> str:
        """State machine that makes and judges a new version."""
        return self._machine(names, "retrain")

    def rollout_machine(self, names: Names) -> str:
        """State machine that owns the endpoint."""
        return self._machine(names, "rollout")

    def retrain_jobs(self, names: Names) -> str:
        """How the names of the jobs and models of its retraining start."""
        return names.part("retrain" if self.is_first else self.name)

    def _machine(self, names: Names, task: str) -> str:
        return names.part(task if self.is_first else f"{self.name}-{task}")


FORECAST = Workload("forecast", is_first=True)

WORKLOADS = {one.name: one for one in (FORECAST,)}
"""Every workload of the estate, by name."""
