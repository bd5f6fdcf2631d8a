"""Runs of an experiment, read from SageMaker's responses and from log lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from forecasting.cli import experiments as experiments_command
from forecasting.experiments import training_runs
from forecasting.jobs.job_metrics import Measurement
from forecasting.releases.registry import Version

from contracts.models.algorithms import ALGORITHMS
from contracts.names import ENVIRONMENTS, Names
from contracts.settings.load import load

NAMES = Names("local", "000000000000", "eu-west-1")
STARTED = datetime(2024, 5, 1, tzinfo=UTC)
MILLIS = int(STARTED.timestamp() * 1000)
JOB = {
    "TrainingJobName": "lakecast-local-boosting-1",
    "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:0:training-job/lakecast-local-boosting-1",
    "TrainingJobStatus": "Completed",
    "AlgorithmSpecification": {
        "TrainingImage": "0.dkr.ecr.eu-west-1.amazonaws.com/lakecast-local-boosting:abc",
        "MetricDefinitions": ALGORITHMS["boosting"].metric_definitions,
    },
    "ResourceConfig": {"InstanceType": "ml.m5.large"},
    "HyperParameters": {"rounds": "200"},
    "InputDataConfig": [
        {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/train/"}}}
    ],
    "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
    "CreationTime": STARTED,
    "TrainingEndTime": STARTED + timedelta(seconds=90),
    "TrainingTimeInSeconds": 60,
    "FinalMetricDataList": [
        {"MetricName": "train:loss", "Value": 0.5, "Timestamp": STARTED},
        {"MetricName": "test:RMSE", "Value": 7.0, "Timestamp": STARTED},
    ],
}


class Missing(Exception):
    pass


class Aws:
    """A stub of SageMaker and CloudWatch with one job, whose log has pages of two lines."""

    exceptions = type("Exceptions", (), {"ResourceNotFoundException": Missing})

    def __init__(self, lines, job=JOB):
        self._lines, self._job = lines, job

    def client(self, _):
        return self

    def get_paginator(self, operation):
        pages = {
            "list_training_jobs": {
                "TrainingJobSummaries": [
                    {"TrainingJobName": f"copy-of-{JOB['TrainingJobName']}"},
                    {"TrainingJobName": f"{NAMES.smoke_prefix}1"},
                    {"TrainingJobName": JOB["TrainingJobName"]},
                ]
            },
            "describe_log_streams": {"logStreams": [{"logStreamName": "job/algo-1"}]},
        }

        class Pages:
            def paginate(_, **__):
                if operation == "describe_log_streams" and self._lines is None:
                    raise Missing
                yield pages[operation]

        return Pages()

    def describe_training_job(self, TrainingJobName):
        assert TrainingJobName == JOB["TrainingJobName"]
        return self._job

    def list_tags(self, ResourceArn):
        return {"Tags": [{"Key": "owner", "Value": "platform"}]}

    def get_log_events(self, logGroupName, logStreamName, startFromHead, nextToken="0"):
        start = int(nextToken)
        events = [
            {"timestamp": MILLIS + start + offset, "message": line}
            for offset, line in enumerate(self._lines[start : start + 2])
        ]
        return {"events": events, "nextForwardToken": str(start + len(events))}


def line(epoch, loss):
    return (
        f"[05/01/2024 INFO 1] #quality_metric: host=algo-1, epoch={epoch}, train loss <loss>={loss}"
    )


def only_run(aws):
    (run,) = training_runs.training_jobs(aws, NAMES)
    return run


def test_a_metrics_values_in_the_log_are_its_steps_in_order():
    run = only_run(Aws([line(0, 4.0), "noise", line(1, 2.0), line(2, "nan-ish"), line(3, 1.0)]))
    losses = [one for one in run.measurements if one.metric == "train:loss"]
    assert losses == [
        Measurement("train:loss", 4.0, 0, MILLIS),
        Measurement("train:loss", 2.0, 1, MILLIS + 2),
        Measurement("train:loss", 1.0, 2, MILLIS + 4),
    ]


def test_metrics_that_are_not_in_the_log_come_from_the_job():
    by_name = {one.metric: one.value for one in only_run(Aws([line(0, 4.0)])).measurements}
    assert by_name == {"train:loss": 4.0, "test:RMSE": 7.0, "TrainingTimeInSeconds": 60.0}
    expired = {one.metric: one.value for one in only_run(Aws(None)).measurements}
    assert expired["train:loss"] == 0.5


def test_a_run_has_parameters_image_artefact_and_lineage():
    run = only_run(Aws(None))
    assert (run.status, run.started, run.ended) == ("FINISHED", MILLIS, MILLIS + 90_000)
    assert run.parameters == {
        "rounds": "200",
        "algorithm": "boosting",
        "instance_type": "ml.m5.large",
    }
    assert run.channels == {"train": "s3://b/train/"}
    assert run.parent is None
    assert (
        run.tags.items()
        >= {
            "image_tag": "abc",
            "mlflow.source.name": "lakecast-local-boosting",
            "model_artifacts": "s3://b/model.tar.gz",
            "tag.owner": "platform",
        }.items()
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [("InProgress", "RUNNING"), ("Stopping", "RUNNING"), ("Failed", "FAILED"),
     ("Stopped", "KILLED")],
)  # fmt: skip
def test_a_jobs_status_is_converted_to_mlflows(status, expected):
    assert only_run(Aws(None, {**JOB, "TrainingJobStatus": status})).status == expected


def test_complete_jobs_and_other_environments_are_not_read_again():
    assert not list(training_runs.training_jobs(Aws(None), NAMES, {JOB["TrainingJobName"]}))


def test_a_versions_run_gets_the_gates_tags_and_metrics():
    metadata = {"training_job": "job", "wql": "0.25", "verdict": "accepted", "commit": "abc"}
    version = Version(3, "arn", "Rejected", STARTED, "worse than before", metadata)
    tags, gate = training_runs.verdict(version)
    assert gate == [Measurement("gate:wql", 0.25, 0, MILLIS)]
    assert tags == {
        "version": "3",
        "approval": "Rejected",
        "approval_reason": "worse than before",
        "gate.training_job": "job",
        "gate.verdict": "accepted",
        "gate.commit": "abc",
        "mlflow.source.git.commit": "abc",
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_managed_mlflow_keeps_them_only_where_the_settings_have_it(environment, tmp_path):
    names, settings = Names(environment, "000000000000", "eu-west-1"), load(environment)
    managed, not_managed = (
        settings.model_copy(update={"experiments": settings.experiments.model_copy(update=update)})
        for update in ({"tracking_server": True}, {"tracking_server": False})
    )
    uri = experiments_command.tracking_uri_of(names, managed, tmp_path)
    server = f"mlflow-tracking-server/lakecast-{environment}-experiments"
    assert uri == f"arn:aws:sagemaker:eu-west-1:000000000000:{server}"
    uri = experiments_command.tracking_uri_of(names, not_managed, tmp_path)
    assert uri == f"sqlite:///{tmp_path}/mlflow.db"
