"""What the state machine of retraining is made from, and what a workload puts into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contracts.models.requests.parts import Arguments, Owner
from contracts.models.workloads import Workload
from contracts.names import Names
from contracts.settings.schema import Retraining, Training
from infra.modules.machines.states_language import Part


@dataclass(frozen=True)
class RetrainInputs:
    """Environment, workload and settings of a machine.

    Parameters
    ----------
    images
        Training image of each algorithm.
    tags
        Tags of jobs and models.
    instance_type
        Type of the endpoint's instances.
    """

    names: Names
    workload: Workload
    training: Training
    retraining: Retraining
    images: Mapping[str, str]
    tags: Mapping[str, str]
    instance_type: str

    @property
    def owner(self) -> Owner:
        """Role, key and tags of jobs and models."""
        return Owner.of(self.names, self.tags)

    @property
    def machine(self) -> str:
        """Name of the machine."""
        return self.workload.retrain_machine(self.names)

    @property
    def jobs(self) -> str:
        """How the names of its jobs and models start."""
        return self.workload.retrain_jobs(self.names)

    @property
    def group(self) -> str:
        """Group that versions are registered in."""
        return self.workload.model_package_group(self.names)


@dataclass(frozen=True)
class RunJob:
    """A job of a run, which is looked for before it is started.

    Parameters
    ----------
    state
        Name of the state that starts it, and of the step in messages.
    kind
        ``Processing``, ``Training`` or ``Transform``.
    name
        Its name within the run.
    request
        Arguments of its Create operation.
    result
        Variables by JSONata expressions, in which ``{}`` stands for the job.
    """

    state: str
    kind: str
    name: str
    request: Arguments
    result: Mapping[str, str]


@dataclass(frozen=True)
class Fragments:
    """What a workload puts into the skeleton of `definition`.

    Parameters
    ----------
    prepare
        The part that makes data of what has arrived, given the state that follows it.
    hold_out
        The job that divides the data into what is trained on and what is predicted. It sets
        ``$held_out`` with ``champion``, the ARN of the version to compare with or an empty text,
        and ``data_start`` and ``data_end``.
    channels
        JSONata of the S3 URI of each channel that is trained on.
    questions
        JSONata of the folder of lines that the ``candidate`` or the ``champion`` is asked.
    environment
        Variables of the container of a model that is asked.
    judge
        The job that compares both answers with what was held out. It sets ``$verdict`` with
        ``verdict``, ``accepted`` or ``rejected``, and ``reasons``, and writes ``metrics.json``,
        ``reference.json`` and ``report.html`` to the run's folder ``report/``.
    metadata
        Metadata of the version by JSONata, beside what every version has.
    """

    prepare: Callable[[str], Part]
    hold_out: RunJob
    channels: Mapping[str, str]
    questions: Callable[[str], str]
    environment: Mapping[str, str]
    judge: RunJob
    metadata: Mapping[str, str]
