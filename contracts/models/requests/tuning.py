"""Hyperparameter tuning jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.models.requests.parts import Arguments, Instances, Owner
from contracts.models.requests.training import TrainingJob, input_and_output

RANGE_MEMBERS = {
    "integer": "IntegerParameterRanges",
    "continuous": "ContinuousParameterRanges",
    "categorical": "CategoricalParameterRanges",
}
"""Member of ``ParameterRanges`` for each kind of range."""


@dataclass(frozen=True)
class Range:
    """Values that a hyperparameter may take.

    Parameters
    ----------
    kind
        One of `RANGE_MEMBERS`.
    values
        The lowest and the highest value; all values of a categorical range.
    """

    kind: str
    values: tuple[str, ...]
    scaling: str = "Auto"


@dataclass(frozen=True)
class Limits:
    """The objective of a search, and the limits that end it.

    Parameters
    ----------
    objective, goal
        A metric, and whether to ``Minimize`` or ``Maximize`` it.
    jobs, parallel
        Maximum number of training jobs, in total and at the same time. With more jobs at the same
        time, each one is chosen with fewer results known.
        without_progress
            Number of jobs without an improvement after which the search ends; 0 means no limit.
        early_stopping
            ``Auto`` stops jobs whose objective is worse than that of others at the same epoch.
    """

    objective: str
    goal: str
    jobs: int
    parallel: int
    without_progress: int
    early_stopping: str


def tuning_job(
    training: TrainingJob,
    limits: Limits,
    ranges: Mapping[str, Range],
    owner: Owner,
    instances: Instances,
) -> Arguments:
    """Arguments of ``CreateHyperParameterTuningJob``.

    Parameters
    ----------
    training
        The training job of every trial; its name is the tuning job's. Hyperparameters with a range
        are searched, all others are the same in each trial.
    """
    given = training.hyperparameters
    if isinstance(given, str):
        raise TypeError(f"a tuning job needs its hyperparameters as values; got {given}")
    return {
        "HyperParameterTuningJobName": training.name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {
                "Type": limits.goal,
                "MetricName": limits.objective,
            },
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": limits.jobs,
                "MaxParallelTrainingJobs": limits.parallel,
            },
            "ParameterRanges": _ranges(ranges),
            "TrainingJobEarlyStoppingType": limits.early_stopping,
            "RandomSeed": 1,
            **_completion(limits),
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": training.algorithm,
            "RoleArn": owner.role,
            **input_and_output(training, owner, instances),
            "StaticHyperParameters": {
                name: value for name, value in given.items() if name not in ranges
            },
        },
        "Tags": owner.tag_list,
    }


def _completion(limits: Limits) -> Arguments:
    if not limits.without_progress:
        return {}
    most = {"MaxNumberOfTrainingJobsNotImproving": limits.without_progress}
    return {"TuningJobCompletionCriteria": {"BestObjectiveNotImproving": most}}


def _ranges(ranges: Mapping[str, Range]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, one in ranges.items():
        found.setdefault(RANGE_MEMBERS[one.kind], []).append({"Name": name, **_values(one)})
    return found


def _values(one: Range) -> dict[str, Any]:
    if one.kind == "categorical":
        return {"Values": list(one.values)}
    low, high = one.values
    return {"MinValue": low, "MaxValue": high, "ScalingType": one.scaling}
