"""Tests of tuning jobs with a container that measures the distance of values from the best ones."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.models.sagemaker_testbed import (
    BUCKET,
    IMAGE,
    Studio,
    channel,
)
from tests.support.waiting import until

METRIC = {"Name": "distance", "Regex": r"distance=([0-9.]+);"}
RANGES = {
    "ContinuousParameterRanges": [{"Name": "number", "MinValue": "0", "MaxValue": "10"}],
    "CategoricalParameterRanges": [{"Name": "kind", "Values": ["a", "b"]}],
}


def start(studio: Studio, name: str, jobs: int = 4, **changes: Any) -> None:
    """Starts a tuning job; keyword arguments replace members of its configuration."""
    behaviour = changes.pop("behaviour", "measure")
    configuration = {
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "distance"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": RANGES,
        "RandomSeed": 1,
        **changes,
    }
    definition = {
        "StaticHyperParameters": {"behaviour": behaviour},
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [METRIC],
        },
        "RoleArn": studio.role,
        "InputDataConfig": [channel("train", f"s3://{BUCKET}/data/train/")],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    studio.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig=configuration,
        TrainingJobDefinition=definition,
        Tags=[{"Key": "search", "Value": name}],
    )


def job(studio: Studio, name: str) -> dict[str, Any]:
    return studio.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)


def ended(studio: Studio, name: str) -> dict[str, Any]:
    def end() -> dict[str, Any] | None:
        found = job(studio, name)
        status = found["HyperParameterTuningJobStatus"]
        return None if status in ("InProgress", "Stopping") else found

    return until(end, f"the end of {name}")


def trained(studio: Studio, name: str, **options: Any) -> list[dict[str, Any]]:
    return studio.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, **options
    )["TrainingJobSummaries"]


def test_the_best_of_all_trials_is_reported(studio: Studio) -> None:
    start(studio, "search", jobs=6)
    found = ended(studio, "search")
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    assert found["TrainingJobStatusCounters"]["Completed"] == 6
    assert found["ObjectiveStatusCounters"] == {"Succeeded": 6, "Pending": 0, "Failed": 0}
    trial = trained(studio, "search")[0]["TrainingJobArn"]
    tags = studio.sagemaker.list_tags(ResourceArn=trial)["Tags"]
    assert tags == [{"Key": "search", "Value": "search"}]
    jobs = trained(studio, "search", SortBy="FinalObjectiveMetricValue", SortOrder="Ascending")
    values = [one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in jobs]
    assert values == sorted(values)
    assert len(values) == 6
    best = found["BestTrainingJob"]
    assert best["TrainingJobName"] == jobs[0]["TrainingJobName"]
    tuned = best["TunedHyperParameters"]
    away = abs(float(tuned["number"]) - 3) + (tuned["kind"] != "b")
    assert away == pytest.approx(values[0])
    one = studio.job(best["TrainingJobName"])
    assert one["TuningJobArn"] == found["HyperParameterTuningJobArn"]
    assert one["HyperParameters"] == {"behaviour": "measure", **tuned}


def test_grid_tries_every_combination_once(studio: Studio) -> None:
    ranges = {
        "CategoricalParameterRanges": [
            {"Name": "number", "Values": ["1", "3"]},
            {"Name": "kind", "Values": ["a", "b"]},
        ]
    }
    start(studio, "grid", Strategy="Grid", ParameterRanges=ranges)
    ended(studio, "grid")
    tried = {tuple(one["TunedHyperParameters"].values()) for one in trained(studio, "grid")}
    assert len(tried) == 4


def test_job_fails_if_all_its_trainings_fail(studio: Studio) -> None:
    start(studio, "hopeless", jobs=2, behaviour="fail")
    found = ended(studio, "hopeless")
    assert found["HyperParameterTuningJobStatus"] == "Failed"
    assert "All training jobs failed" in found["FailureReason"]
    assert found["TrainingJobStatusCounters"]["NonRetryableError"] == 2
    assert "BestTrainingJob" not in found


def test_stopped_job_stops_its_trainings(studio: Studio) -> None:
    start(studio, "endless", behaviour="wait")
    until(lambda: len(trained(studio, "endless")) == 2, "the start of two training jobs")
    studio.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="endless")
    assert ended(studio, "endless")["HyperParameterTuningJobStatus"] == "Stopped"
    for one in trained(studio, "endless"):
        assert studio.finished(one["TrainingJobName"])["TrainingJobStatus"] == "Stopped"
    listed = studio.sagemaker.list_hyper_parameter_tuning_jobs(StatusEquals="Stopped")
    (summary,) = listed["HyperParameterTuningJobSummaries"]
    assert summary["Strategy"] == "Bayesian"
    assert summary["TrainingJobStatusCounters"]["Stopped"] == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ParameterRanges": {}}, "at least one parameter range"),
        (
            {
                "ParameterRanges": {
                    "IntegerParameterRanges": [{"Name": "n", "MinValue": "9", "MaxValue": "1"}]
                }
            },
            "The range of n is empty",
        ),
        ({"Strategy": "Hyperband"}, r"Strategy Hyperband \(only Bayesian or Random or Grid\)"),
        ({"Strategy": "Grid"}, "only categorical ranges; number is not categorical"),
        (
            {"TrainingJobEarlyStoppingType": "Auto"},
            r"TrainingJobEarlyStoppingType Auto \(only Off\)",
        ),
    ],
)
def test_unsupported_search_is_refused(studio: Studio, changes: dict, reason: str) -> None:
    with pytest.raises(ClientError, match=reason):
        start(studio, "refused", **changes)
