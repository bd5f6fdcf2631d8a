"""Paths of SageMaker's folder tree in a container.

https://docs.aws.amazon.com/sagemaker/latest/dg/amazon-sagemaker-toolkits.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FAILURE_LIMIT = 1024
"""Number of characters of ``output/failure`` that SageMaker shows as the job's FailureReason."""


@dataclass(frozen=True)
class ContainerPaths:
    """The folder tree under ``/opt/ml``, or under ``SAGEMAKER_BASE_DIR`` if it is set.

    Parameters
    ----------
    base
        Root of the tree.
    """

    base: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ContainerPaths:
        return cls(Path(environment.get("SAGEMAKER_BASE_DIR", "/opt/ml")))

    @property
    def hyperparameters(self) -> Path:
        return self.base / "input" / "config" / "hyperparameters.json"

    @property
    def resource_config(self) -> Path:
        return self.base / "input" / "config" / "resourceconfig.json"

    def channel(self, name: str) -> Path:
        """Return the folder with the files of one input channel."""
        return self.base / "input" / "data" / name

    @property
    def model(self) -> Path:
        return self.base / "model"

    @property
    def failure(self) -> Path:
        return self.base / "output" / "failure"

    def write_failure(self, reason: str) -> None:
        """Write the reason to the file that SageMaker reads a job's FailureReason from."""
        self.failure.parent.mkdir(parents=True, exist_ok=True)
        self.failure.write_text(reason[:FAILURE_LIMIT], encoding="utf-8")
