"""Tests of training jobs in the local cloud: container contract, outcomes and permissions."""

from __future__ import annotations

import io
import json
import os
import signal
import tarfile
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.models.sagemaker_testbed import (
    BUCKET,
    IMAGE,
    Studio,
    allow,
    channel,
    cloud_with_tiny_containers,
)
from tests.support.processes import assert_ended
from tests.support.waiting import until

GROUP = "/aws/sagemaker/TrainingJobs"


def model_of(studio: Studio, job: dict) -> dict:
    """Reads the model that the container wrote from the job's model archive."""
    key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{BUCKET}/")
    archive = studio.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return json.load(tar.extractfile("model.json"))


def waiting(studio: Studio, name: str, folder: Path, **changes) -> list[int]:
    """Starts a job that runs until it is stopped, and returns its process ids."""
    pids = folder / name
    studio.train(name, hyperparameters={"behaviour": "wait", "pids": str(pids)}, **changes)
    until(pids.exists, f"the start of {name}")
    return until(lambda: [int(pid) for pid in pids.read_text().split()], "the list of processes")


# --- the container contract ---


def test_container_gets_its_job_as_in_sagemaker(studio: Studio) -> None:
    studio.train(
        "contract",
        hyperparameters={"epochs": "3"},
        InputDataConfig=[
            {**channel("train", f"s3://{BUCKET}/data/train"), "ContentType": "json"},
            channel("single", f"s3://{BUCKET}/data/train/a.json"),
        ],
        Environment={"SM_FURTHER": "yes"},
    )
    job = studio.finished("contract")

    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == (
        f"s3://{BUCKET}/models/contract/output/model.tar.gz"
    )
    seen = model_of(studio, job)
    assert seen["hyperparameters"] == {"epochs": "3"}
    assert seen["files"] == {
        "train/a.json": '{"a": 1}',
        "train/deep/b.json": '{"b": 2}',
        "single/a.json": '{"a": 1}',
    }
    assert seen["channels"]["train"] == {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
        "ContentType": "json",
    }
    assert seen["resources"]["hosts"] == ["algo-1"]
    environment = seen["environment"]
    assert environment["TRAINING_JOB_NAME"] == "contract"
    assert environment["AWS_ENDPOINT_URL"] == studio.cloud.endpoint_url
    assert environment["SM_FURTHER"] == "yes"
    assert environment["SM_CHANNEL_TRAIN"].endswith("/input/data/train")


def test_container_has_credentials_of_the_jobs_role_not_the_administrators(studio: Studio) -> None:
    job = studio.trained("whoami")
    environment = model_of(studio, job)["environment"]
    assert environment["AWS_ACCESS_KEY_ID"] != studio.cloud.env["AWS_ACCESS_KEY_ID"]
    assert environment["AWS_SESSION_TOKEN"]


def test_job_records_its_secondary_status_transitions(studio: Studio) -> None:
    job = studio.trained("transitions")
    transitions = job["SecondaryStatusTransitions"]
    assert [item["Status"] for item in transitions] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert all("EndTime" in item for item in transitions)
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]


def test_output_is_logged_and_metrics_are_read_from_it(studio: Studio) -> None:
    definitions = [{"Name": "accuracy", "Regex": "accuracy=(.*?);"}]
    algorithm = {
        "TrainingImage": IMAGE,
        "TrainingInputMode": "File",
        "MetricDefinitions": definitions,
    }
    job = studio.trained("measured", AlgorithmSpecification=algorithm)
    assert "accuracy=0.75;" in studio.log_lines(GROUP, "measured/")
    (metric,) = job["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("accuracy", 0.75)


# --- failures ---


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("fail", "AlgorithmError: time_freq must be one of H, D; got X, exit code: 1"),
        ("crash", "RuntimeError: boom, exit code: 1"),
        ("kill", "exit code: 137"),
    ],
)
def test_failing_container_fails_the_job_with_a_reason(
    studio: Studio, behaviour: str, reason: str
) -> None:
    job = studio.trained(f"does-{behaviour}", hyperparameters={"behaviour": behaviour})
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert reason in job["FailureReason"]
    assert job["FailureReason"].startswith("AlgorithmError: ")


def test_container_without_output_makes_an_empty_archive_and_a_log_line(studio: Studio) -> None:
    job = studio.trained("nothing", hyperparameters={"behaviour": "empty"})
    assert job["TrainingJobStatus"] == "Completed"
    key = "models/nothing/output/model.tar.gz"
    archive = studio.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert tar.getnames() == []
    assert any("wrote nothing" in line for line in studio.log_lines(GROUP, "nothing/"))


def test_channel_without_objects_fails_the_job(studio: Studio) -> None:
    missing = f"s3://{BUCKET}/data/elsewhere/"
    job = studio.trained("no-data", InputDataConfig=[channel("train", missing)])
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        f'ClientError: Data download failed: No S3 objects found under S3 URL "{missing}"'
    )


def test_role_without_permission_to_read_the_data_fails_the_job(studio: Studio) -> None:
    role = studio.new_role("without-rights", None)
    job = studio.trained("forbidden", RoleArn=role)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed: ")
    assert "AccessDenied" in job["FailureReason"]


def test_role_without_permission_to_write_the_model_fails_the_job(studio: Studio) -> None:
    role = studio.new_role("reader", allow(["s3:GetObject", "s3:ListBucket"]))
    job = studio.trained("unwritable", RoleArn=role)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Artifact upload failed: ")


def test_unknown_image_fails_the_job(studio: Studio) -> None:
    algorithm = {"TrainingImage": "repository.example/unknown:1", "TrainingInputMode": "File"}
    job = studio.trained("unknown-image", AlgorithmSpecification=algorithm)
    assert job["TrainingJobStatus"] == "Failed"
    assert "the local cloud has no folder for image" in job["FailureReason"]


@pytest.mark.parametrize(
    "role", ["arn:aws:iam::000000000000:role/nobody", "distrustful"], ids=["missing", "untrusting"]
)
def test_role_that_sagemaker_cannot_assume_is_refused(studio: Studio, role: str) -> None:
    if role == "distrustful":
        role = studio.new_role("for-lambda", allow("s3:*"), trusted="lambda.amazonaws.com")
    with pytest.raises(ClientError, match="Could not assume role arn:aws:iam:") as error:
        studio.train("unassumable", RoleArn=role)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError, match="Requested resource not found"):
        studio.job("unassumable")


def test_name_can_be_used_once(studio: Studio) -> None:
    studio.trained("once")
    with pytest.raises(studio.sagemaker.exceptions.ResourceInUse, match="must be unique"):
        studio.train("once")


def test_second_instance_exceeds_the_quota(studio: Studio) -> None:
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    with pytest.raises(
        studio.sagemaker.exceptions.ResourceLimitExceeded, match="for training job usage' is 1"
    ):
        studio.train("two-instances", ResourceConfig=resources)


def test_malformed_request_is_refused_in_awss_wording(studio: Studio) -> None:
    with pytest.raises(ClientError, match="1 validation error detected: Value 'no_underscores'"):
        studio.train("no_underscores")


# --- stop before the end ---


def test_stopped_job_keeps_the_content_of_its_model_folder(studio: Studio, tmp_path: Path) -> None:
    pids = waiting(studio, "halted", tmp_path)
    studio.sagemaker.stop_training_job(TrainingJobName="halted")
    job = studio.finished("halted")
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Stopped"
    assert "FailureReason" not in job
    assert model_of(studio, job) == {}
    assert_ended(pids)
    with pytest.raises(ClientError, match="is in status Stopped"):
        studio.sagemaker.stop_training_job(TrainingJobName="halted")


def test_job_that_exceeds_its_runtime_is_stopped(studio: Studio, tmp_path: Path) -> None:
    pids = waiting(studio, "too-long", tmp_path, StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = studio.finished("too-long")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert_ended(pids)


def test_killed_process_fails_its_job_and_its_children_are_killed(
    studio: Studio, tmp_path: Path
) -> None:
    trainer, child = waiting(studio, "shot", tmp_path)
    os.kill(trainer, signal.SIGKILL)
    job = studio.finished("shot")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].endswith("exit code: 137")
    assert_ended([child])


def test_third_job_waits_until_one_of_two_has_ended(studio: Studio, tmp_path: Path) -> None:
    waiting(studio, "first", tmp_path)
    waiting(studio, "second", tmp_path)
    studio.train("third")
    until(lambda: studio.job("third")["SecondaryStatus"] == "Pending", "waiting of the third job")
    studio.sagemaker.stop_training_job(TrainingJobName="first")
    assert studio.finished("third")["TrainingJobStatus"] == "Completed"
    studio.sagemaker.stop_training_job(TrainingJobName="second")
    studio.finished("second")


# --- lists, tags, deletion ---


def test_jobs_are_listed_by_name_status_and_page(studio: Studio) -> None:
    for number in range(3):
        studio.train(f"listed-{number}")
    for number in range(3):
        studio.finished(f"listed-{number}")
    pages = studio.sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains="listed-",
        StatusEquals="Completed",
        SortBy="Name",
        SortOrder="Ascending",
        PaginationConfig={"PageSize": 2},
    )
    names = [[job["TrainingJobName"] for job in page["TrainingJobSummaries"]] for page in pages]
    assert names == [["listed-0", "listed-1"], ["listed-2"]]


def test_tags_are_added_listed_and_deleted(studio: Studio) -> None:
    arn = studio.train("tagged", Tags=[{"Key": "project", "Value": "lakecast"}])
    client = studio.sagemaker
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "owner", "Value": "us"}])
    client.delete_tags(ResourceArn=arn, TagKeys=["project"])
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "owner", "Value": "us"}]
    studio.finished("tagged")
    client.delete_training_job(TrainingJobName="tagged")
    with pytest.raises(ClientError, match="Could not find resource"):
        client.list_tags(ResourceArn=arn)


# --- stop of the cloud ---


def test_running_job_fails_when_the_cloud_stops(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with cloud_with_tiny_containers(home) as cloud:
        studio = Studio(cloud).prepare()
        pids = waiting(studio, "cut-short", tmp_path)
        studio.trained("kept")
    assert_ended(pids)
    with cloud_with_tiny_containers(home) as cloud:
        studio = Studio(cloud)
        job = studio.job("cut-short")
        assert job["TrainingJobStatus"] == "Failed"
        assert "the local cloud was stopped while the job ran" in job["FailureReason"]
        assert studio.job("kept")["TrainingJobStatus"] == "Completed"


def test_containers_end_when_the_cloud_is_killed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with cloud_with_tiny_containers(home) as cloud:
        pids = waiting(Studio(cloud).prepare(), "orphan", tmp_path)
        os.kill(cloud.pid, signal.SIGKILL)
        assert_ended(pids)
    with cloud_with_tiny_containers(home) as cloud:
        assert Studio(cloud).job("orphan")["TrainingJobStatus"] == "Failed"


# --- the request's own command ---


def shell(script: str, *arguments: str) -> dict[str, object]:
    """Returns an AlgorithmSpecification that runs a script of the shell."""
    return {
        "TrainingImage": IMAGE,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/sh", "-c"],
        "ContainerArguments": [script, *arguments],
    }


def test_entrypoint_runs_instead_of_the_images_program(studio: Studio) -> None:
    script = "cat /opt/ml/input/data/train/a.json > /opt/ml/model/seen; echo $0 $TRAINING_JOB_NAME"
    output = {
        "S3OutputPath": f"s3://{BUCKET}/models",
        "CompressionType": "NONE",
        "KmsKeyId": "alias/models",
    }
    job = studio.trained(
        "entrypoint", AlgorithmSpecification=shell(script, "said"), OutputDataConfig=output
    )
    assert job["TrainingJobStatus"] == "Completed"
    assert studio.log_lines(GROUP, "entrypoint/") == ["said entrypoint"]
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{BUCKET}/models/entrypoint/output/model/"
    key = "models/entrypoint/output/model/seen"
    written = studio.s3.get_object(Bucket=BUCKET, Key=key)
    assert written["Body"].read() == b'{"a": 1}'
    assert written["SSEKMSKeyId"] == "alias/models"
    # the model can be deployed from there
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}}
    studio.sagemaker.create_model(
        ModelName="uncompressed", ExecutionRoleArn=studio.role, PrimaryContainer=container
    )


def test_failing_entrypoint_fails_the_job(studio: Studio) -> None:
    script = "echo the data are wrong > /opt/ml/output/failure; exit 4"
    job = studio.trained("broken", AlgorithmSpecification=shell(script))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: the data are wrong, exit code: 4"


def test_checkpoints_are_kept_while_a_job_runs_and_found_by_the_next(studio: Studio) -> None:
    place = {"S3Uri": f"s3://{BUCKET}/checkpoints/one"}
    script = (
        "mkdir /opt/ml/checkpoints/deep; echo epoch 7 > /opt/ml/checkpoints/deep/state; sleep 60"
    )
    studio.train("interrupted", AlgorithmSpecification=shell(script), CheckpointConfig=place)

    def kept() -> bytes | None:
        listed = studio.s3.list_objects_v2(Bucket=BUCKET, Prefix="checkpoints/one/deep/")
        if not listed["KeyCount"]:
            return None
        key = listed["Contents"][0]["Key"]
        content: bytes = studio.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    assert until(kept, "the checkpoint in S3") == b"epoch 7\n"
    studio.sagemaker.stop_training_job(TrainingJobName="interrupted")
    assert studio.finished("interrupted")["TrainingJobStatus"] == "Stopped"
    place["LocalPath"] = "/opt/ml/elsewhere"
    script = "cat /opt/ml/elsewhere/deep/state"
    studio.trained("resumed", AlgorithmSpecification=shell(script), CheckpointConfig=place)
    assert "epoch 7" in studio.log_lines(GROUP, "resumed/")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"CheckpointConfig": {"S3Uri": "s3://b/k", "LocalPath": "/tmp/x"}}, "outside of /opt/ml"),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": IMAGE,
                    "TrainingInputMode": "File",
                    "ContainerArguments": ["x"],
                }
            },
            "ContainerArguments without ContainerEntrypoint",
        ),
    ],
)
def test_what_cannot_run_is_refused(studio: Studio, changes: dict, reason: str) -> None:
    with pytest.raises(ClientError, match=reason):
        studio.train("refused", **changes)


def test_caller_needs_to_pass_the_role_and_to_tag(studio: Studio) -> None:
    account = "000000000000"
    calls = {"Effect": "Allow", "Action": "sagemaker:CreateTrainingJob", "Resource": "*"}
    passed = {
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": studio.role,
        "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    }
    caller = studio.new_role("scientist", None, f"arn:aws:iam::{account}:root")
    keys = studio.client("sts").assume_role(RoleArn=caller, RoleSessionName="test")["Credentials"]
    mine = Studio(studio.cloud)
    mine.role = studio.role
    mine.sagemaker = boto3.client(
        "sagemaker",
        endpoint_url=studio.cloud.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )

    def allowed(*statements: object) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        studio.iam.put_role_policy(RoleName="scientist", PolicyName="all", PolicyDocument=document)

    allowed(calls)
    with pytest.raises(ClientError, match=f"perform: iam:PassRole on resource: {studio.role}"):
        mine.train("passing")
    allowed(calls, passed)
    mine.train("passing")
    tags = [{"Key": "a", "Value": "b"}]
    with pytest.raises(ClientError, match=r"perform: sagemaker:AddTags on resource: .*job/tagged"):
        mine.train("tagged", Tags=tags)
    allowed(calls, passed, {**calls, "Action": "sagemaker:AddTags"})
    mine.train("tagged", Tags=tags)
    studio.finished("tagged")
