"""Tests of the end of a tuning job when the objective stops improving."""

from __future__ import annotations

import pytest

from localcloud.services.sagemaker.jobs.tuning_run import Progress


def progress(goal: str = "Minimize", limit: int | None = 3) -> Progress:
    criteria = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": limit}}
    return Progress(
        {
            "HyperParameterTuningJobObjective": {"Type": goal, "MetricName": "loss"},
            **({"TuningJobCompletionCriteria": criteria} if limit else {}),
        }
    )


@pytest.mark.parametrize(
    ("goal", "values", "ended"),
    [
        ("Minimize", [1.0, 0.9, 0.9, 0.9], False),
        ("Minimize", [1.0, 0.9, 0.9, 0.95, 0.9], True),
        ("Minimize", [1.0, 0.995, 0.993, 0.991], True),  # less than 1 % is not an improvement
        ("Minimize", [1.0, None, None, None], True),  # neither is a failed training job
        ("Minimize", [1.0, 2.0, 2.0, 0.5, 2.0, 2.0], False),
        ("Maximize", [1.0, 1.1, 1.2, 1.3], False),
        ("Maximize", [-1.0, -1.1, -1.2, -1.3], True),
    ],
)
def test_job_ends_after_the_limit_of_trainings_without_improvement(goal, values, ended):
    found = progress(goal)
    for value in values:
        found.add(value)
    assert found.is_exhausted is ended


def test_without_a_criterion_the_job_continues():
    found = progress(limit=None)
    for _ in range(50):
        found.add(None)
    assert not found.is_exhausted
    assert found.best is None
