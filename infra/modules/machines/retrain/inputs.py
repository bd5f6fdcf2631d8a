"""Inputs of the retraining state machine, and the fragments that a workload supplies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contracts.models.requests.parts import Arguments, Owner
from contracts.names import Names
from contracts.settings.schema import Retraining, Training
from infra.modules.machines.states_language import Part


@dataclass(frozen=True)
class RetrainInputs:
    """Environment and settings of a workload's machine.

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
    training: Training
    retraining: Retraining
    images: Mapping[str, str]
    tags: Mapping[str, str]
    instance_type: str

    @property
    def owner(self) -> Owner:
        """Role, key and tags of jobs and models."""
        return Owner.of(self.names, self.tags)


@dataclass(frozen=True)
class RunJob:
    """A job of a run; a completed one is reused.

    Parameters
    ----------
    state
        Name of the state that starts it, and of the step in messages.
    kind
        ``Processing``, ``Training`` or ``Transform``.
    name
        Name of the job within the run.
    request
        Arguments of the Create operation.
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
    """Parts that a workload supplies to `definition`.

    Parameters
    ----------
    prepare
        Function of the next state; returns the part that builds data from arrived messages.
    hold_out
        The job that splits the data into training data and held-out data. It sets ``$held_out``
        with ``champion``, the ARN of the version to compare with or an empty string, and
        ``data_start`` and ``data_end``.
    channels
        JSONata of the S3 URI of each training channel.
    questions
        Function of ``candidate`` or ``champion``; returns JSONata of the folder with its requests.
    environment
        Environment variables of a model's container during prediction.
    judge
        The job that compares both predictions with the held-out values. It sets ``$verdict`` with
        ``verdict``, ``accepted`` or ``rejected``, and ``reasons``, and writes ``metrics.json``,
        ``reference.json`` and ``report.html`` to the run's folder ``report/``.
    metadata
        JSONata of the version's metadata, in addition to the metadata of every version.
    """

    prepare: Callable[[str], Part]
    hold_out: RunJob
    channels: Mapping[str, str]
    questions: Callable[[str], str]
    environment: Mapping[str, str]
    judge: RunJob
    metadata: Mapping[str, str]
