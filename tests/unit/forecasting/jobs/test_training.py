"""Training jobs: what is asked of SageMaker, and what becomes of it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from boosting_container import hyperparameters as boosting
from container_runtime import metric_lines
from deepar_container import hyperparameters as deepar
from forecasting.errors import ForecastingError
from forecasting.jobs import training
from forecasting.jobs.images import training_image

from contracts.models.algorithms import ALGORITHMS
from contracts.models.container_images import tag
from contracts.names import ENVIRONMENTS, Names
from contracts.settings.load import load
from localcloud.cloud.aws_shapes import request_violations
from tests.support.settings import changed

NAMES = Names("local", "000000000000", "eu-west-1")
SETTINGS = changed(
    "local",
    {
        "tags": {"owner": "platform"},
        "forecast": {
            "training": {
                "algorithm": "deepar",
                "instance_type": "ml.m5.large",
                "max_runtime_seconds": 600,
                "hyperparameters": {"deepar": {"epochs": "1"}},
            },
        },
    },
)
NOW = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)


def test_a_jobs_name_is_unique_and_contains_its_hour():
    first, second = (training.job_name(NAMES, "deepar", NOW) for _ in range(2))
    assert first.startswith("lakecast-local-deepar-20240501-123000-")
    assert first != second
    assert len(first) <= 63  # SageMaker's limit


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_request_fits_sagemakers_model(algorithm):
    request = training.request(
        NAMES, SETTINGS, algorithm, name="job", image="image", channels=("train", "test")
    )
    assert request_violations("sagemaker", "CreateTrainingJob", request) == []


def test_the_request_names_channels_output_key_and_tags():
    request = training.request(
        NAMES, SETTINGS, "deepar", name="job", image="image", channels=("train", "test")
    )
    sources = [channel["DataSource"]["S3DataSource"] for channel in request["InputDataConfig"]]
    assert [source["S3Uri"] for source in sources] == [
        "s3://lakecast-local-models-000000000000/channels/train/",
        "s3://lakecast-local-models-000000000000/channels/test/",
    ]
    assert request["OutputDataConfig"] == {
        "S3OutputPath": "s3://lakecast-local-models-000000000000/training/",
        "KmsKeyId": "alias/lakecast-local-data",
    }
    assert {"Key": "owner", "Value": "platform"} in request["Tags"]
    assert {"Key": "environment", "Value": "local"} in request["Tags"]


def test_metrics_of_our_own_image_are_defined_and_a_built_in_ones_are_not():
    own, built_in = (
        training.request(NAMES, SETTINGS, name, name="job", image="image", channels=("train",))
        for name in ("boosting", "deepar")
    )
    assert "MetricDefinitions" in own["AlgorithmSpecification"]
    assert "MetricDefinitions" not in built_in["AlgorithmSpecification"]  # SageMaker refuses them


def test_every_defined_metric_is_found_in_what_a_container_logs(caplog):
    caplog.set_level("INFO", logger=metric_lines.logger.name)
    metric_lines.epoch_loss("algo-1", 0, 4, 0.5)
    metric_lines.final_loss_of("algo-1", 4, 0.125)
    metric_lines.final_loss("algo-1", 0.25)
    metric_lines.test_scores("algo-1", {"mean_wQuantileLoss": 0.75, "RMSE": 8.0})
    found = {
        definition["Name"]: [float(value) for value in re.findall(definition["Regex"], caplog.text)]
        for definition in ALGORITHMS["boosting"].metric_definitions
    }
    assert {name: values for name, values in found.items() if values} == {
        "train:progress": [25.0],
        "train:loss": [0.5],
        "train:final_loss": [0.25],
        "train:final_loss:category-4": [0.125],
        "test:mean_wQuantileLoss": [0.75],
        "test:RMSE": [8.0],
    }


def test_the_image_is_that_of_the_regions_registry():
    assert training_image(NAMES, "deepar").endswith(
        f".dkr.ecr.{NAMES.region}.amazonaws.com/forecasting-deepar:1"
    )
    with pytest.raises(ForecastingError, match="region atlantis-1"):
        training_image(replace(NAMES, region="atlantis-1"), "deepar")


def test_our_own_image_is_the_estates_at_the_tag_of_its_sources():
    assert training_image(NAMES, "boosting") == (
        f"{NAMES.account_id}.dkr.ecr.{NAMES.region}.amazonaws.com/lakecast-local-boosting:"
        f"{tag('boosting')}"
    )


class Jobs:
    """A SageMaker that gives one description after another."""

    def __init__(self, *descriptions):
        self._descriptions = iter(descriptions)

    def client(self, service):
        assert service == "sagemaker"
        return self

    def describe_training_job(self, TrainingJobName):
        return {"TrainingJobName": TrainingJobName, **next(self._descriptions)}

    def get_paginator(self, operation):
        assert operation == "list_training_jobs"
        return self

    def paginate(self, **request):
        assert request["StatusEquals"] == "Completed"
        return [{"TrainingJobSummaries": next(self._descriptions)}]


def test_waiting_reports_each_state_until_the_last():
    seen = []
    jobs = Jobs(
        {"TrainingJobStatus": "InProgress", "SecondaryStatus": "Starting"},
        {
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Training",
            "FinalMetricDataList": [{"MetricName": "train:loss", "Value": 4.5}],
        },
        {"TrainingJobStatus": "Completed", "SecondaryStatus": "Completed"},
    )
    pauses = []
    state = training.wait(jobs, "job", seen.append, pauses.append)
    assert state.status == "Completed"
    assert [one.phase for one in seen] == ["Starting", "Training", "Completed"]
    assert seen[1].metrics == {"train:loss": 4.5}
    assert len(pauses) == 2


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_failed_job_is_an_error_with_reason_and_log(status):
    jobs = Jobs({"TrainingJobStatus": status, "FailureReason": "AlgorithmError: no data"})
    with pytest.raises(ForecastingError) as failed:
        training.wait(jobs, "job", lambda _: None)
    message = str(failed.value)
    assert f"training job job {status.lower()}: AlgorithmError: no data" in message
    assert "/aws/sagemaker/TrainingJobs" in message


def test_the_newest_job_of_this_environment_is_taken():
    jobs = Jobs(
        [
            {"TrainingJobName": "copy-of-lakecast-local-deepar-3"},
            {"TrainingJobName": "lakecast-local-deepar-2"},
            {"TrainingJobName": "lakecast-local-deepar-1"},
        ]
    )
    assert training.latest_completed(jobs, NAMES) == "lakecast-local-deepar-2"


def test_without_a_completed_job_the_next_step_is_named():
    with pytest.raises(ForecastingError, match="run `make train` first"):
        training.latest_completed(Jobs([]), NAMES)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environments_hyperparameters_are_what_the_containers_take(environment):
    settings = load(environment)
    boosting.Hyperparameters.parse(settings.forecast.training.hyperparameters["boosting"])
    deepar.Hyperparameters.parse(settings.forecast.training.hyperparameters["deepar"])
