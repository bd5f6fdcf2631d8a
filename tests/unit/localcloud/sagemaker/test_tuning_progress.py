"""When a tuning job ends because nothing gets better any more."""

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
        ("Minimize", [1.0, 0.995, 0.993, 0.991], True),  # less than a hundredth is no progress
        ("Minimize", [1.0, None, None, None], True),  # nor is a training that failed
        ("Minimize", [1.0, 2.0, 2.0, 0.5, 2.0, 2.0], False),
        ("Maximize", [1.0, 1.1, 1.2, 1.3], False),
        ("Maximize", [-1.0, -1.1, -1.2, -1.3], True),
    ],
)
def test_it_ends_after_so_many_trainings_without_a_better_one(goal, values, ended):
    found = progress(goal)
    for value in values:
        found.note(value)
    assert found.has_ended is ended


def test_without_a_criterion_it_goes_on():
    found = progress(limit=None)
    for _ in range(50):
        found.note(None)
    assert not found.has_ended
    assert found.best is None
