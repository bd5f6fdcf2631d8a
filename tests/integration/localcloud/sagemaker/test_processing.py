"""Tests of processing and transform jobs with the containers in tests/containers."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.models.sagemaker_testbed import (
    BUCKET,
    IMAGE,
    Studio,
    allow,
)
from tests.support.waiting import until

INPUT = "/opt/ml/processing/input"
OUT = "/opt/ml/processing/output"
SCRIPT = b"import sys; open(sys.argv[1] + '/said.txt', 'w').write('by the script')"


@pytest.fixture(scope="module")
def studio(studio: Studio) -> Studio:
    studio.s3.put_object(Bucket=BUCKET, Key="code/say.py", Body=SCRIPT)
    lines = b"".join(b'{"number": %d}\n' % number for number in range(5))
    studio.s3.put_object(Bucket=BUCKET, Key="batch/plain/a.jsonl", Body=lines)
    studio.s3.put_object(Bucket=BUCKET, Key="batch/plain/deep/b.jsonl", Body=lines[:14])
    studio.s3.put_object(Bucket=BUCKET, Key="batch/gz/a.jsonl.gz", Body=gzip.compress(lines))
    studio.s3.put_object(Bucket=BUCKET, Key="batch/bad/a.jsonl", Body=b'{"status": 400}\n')
    studio.model("echo")
    return studio


def start(studio: Studio, name: str, *arguments: str, **changes: Any) -> None:
    """Starts a processing job on data/train; keyword arguments replace members of the request."""
    application = {"ImageUri": IMAGE, **({"ContainerArguments": [*arguments]} if arguments else {})}
    request = {
        "ProcessingJobName": name,
        "RoleArn": studio.role,
        "AppSpecification": application,
        "ProcessingInputs": [s3_input("data", "data/train/", "/opt/ml/processing/input/data")],
        "ProcessingOutputConfig": {
            "KmsKeyId": "alias/reports",
            "Outputs": [
                {
                    "OutputName": "report",
                    "S3Output": {
                        "S3Uri": f"s3://{BUCKET}/processed/{name}",
                        "LocalPath": OUT,
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ],
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
            }
        },
        "Environment": {"LIMIT": "3"},
        **changes,
    }
    studio.sagemaker.create_processing_job(**request)


def s3_input(name: str, key: str, path: str) -> dict[str, Any]:
    source = {
        "S3Uri": f"s3://{BUCKET}/{key}",
        "LocalPath": path,
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    return {"InputName": name, "S3Input": source}


def processed(studio: Studio, name: str) -> dict[str, Any]:
    """Waits for the job's end and returns the job."""

    def ended() -> dict[str, Any] | None:
        job = studio.sagemaker.describe_processing_job(ProcessingJobName=name)
        return None if job["ProcessingJobStatus"] in ("InProgress", "Stopping") else job

    return until(ended, f"the end of {name}")


def body(studio: Studio, key: str) -> bytes:
    return studio.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def transformed(studio: Studio, name: str, key: str, **changes: Any) -> dict[str, Any]:
    """Runs a transform job on a prefix and returns the job after its end."""
    split = changes.pop("split", "Line")
    request = {
        "TransformJobName": name,
        "ModelName": "echo",
        "BatchStrategy": "SingleRecord",
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{key}"}
            },
            "ContentType": "application/jsonlines",
            "SplitType": split,
            **changes.pop("source", {}),
        },
        "TransformOutput": {
            "S3OutputPath": f"s3://{BUCKET}/transformed/{name}",
            "AssembleWith": "Line",
            "Accept": "application/jsonlines",
            "KmsKeyId": "alias/answers",
        },
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **changes,
    }
    studio.sagemaker.create_transform_job(**request)

    def ended() -> dict[str, Any] | None:
        job = studio.sagemaker.describe_transform_job(TransformJobName=name)
        return None if job["TransformJobStatus"] in ("InProgress", "Stopping") else job

    return until(ended, f"the end of {name}")


# --- processing ---


def test_script_of_the_image_reads_inputs_and_writes_outputs(studio: Studio) -> None:
    start(studio, "counts")
    job = processed(studio, "counts")
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Completed", "counted 2")
    assert job["ProcessingEndTime"] >= job["ProcessingStartTime"] >= job["CreationTime"]
    report = json.loads(body(studio, "processed/counts/report.json"))
    assert report == {"files": ["data/a.json", "data/deep/b.json"], "arguments": [], "limit": "3"}
    head = studio.s3.head_object(Bucket=BUCKET, Key="processed/counts/report.json")
    assert head["SSEKMSKeyId"] == "alias/reports"
    (line,) = studio.log_lines("/aws/sagemaker/ProcessingJobs", "counts")
    assert line == "tiny: processing with []"


def test_script_among_the_inputs_runs_with_paths_of_the_container(studio: Studio) -> None:
    start(
        studio,
        "script",
        ProcessingInputs=[s3_input("code", "code/", "/opt/ml/processing/code")],
        AppSpecification={
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/code/say.py"],
            "ContainerArguments": [OUT],
        },
    )
    assert processed(studio, "script")["ProcessingJobStatus"] == "Completed"
    assert body(studio, "processed/script/said.txt") == b"by the script"


def test_failed_script_fails_the_job_with_its_message(studio: Studio) -> None:
    start(studio, "fails", "fail")
    job = processed(studio, "fails")
    assert job["ProcessingJobStatus"] == "Failed"
    reason = "AlgorithmError: the candidate has no forecasts, exit code: 3"
    assert job["FailureReason"] == reason


def test_job_that_is_stopped_or_too_slow_ends_as_stopped(studio: Studio) -> None:
    start(studio, "slow", "wait", StoppingCondition={"MaxRuntimeInSeconds": 1})
    start(studio, "halted", "wait")
    studio.sagemaker.stop_processing_job(ProcessingJobName="halted")
    for name in ("slow", "halted"):
        assert processed(studio, name)["ProcessingJobStatus"] == "Stopped"
    listed = studio.sagemaker.list_processing_jobs(StatusEquals="Stopped")
    names = {one["ProcessingJobName"] for one in listed["ProcessingJobSummaries"]}
    assert names == {"slow", "halted"}
    with pytest.raises(ClientError, match="processing job is in status Stopped"):
        studio.sagemaker.stop_processing_job(ProcessingJobName="slow")


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("lost", {"ProcessingInputs": [s3_input("data", "nothing/", INPUT)]}, "input data"),
        (
            "unknown",
            {"AppSpecification": {"ImageUri": "nobody:1"}},
            "the local cloud has no folder for image nobody:1",
        ),
    ],
)
def test_failed_preparation_fails_the_job(
    studio: Studio, name: str, changes: dict, reason: str
) -> None:
    start(studio, name, **changes)
    job = processed(studio, name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert reason in job["FailureReason"]


def test_role_without_write_permission_fails_the_job(studio: Studio) -> None:
    reader = studio.new_role("reader", allow(["s3:GetObject", "s3:ListBucket"]))
    start(studio, "reader", RoleArn=reader)
    job = processed(studio, "reader")
    assert job["ProcessingJobStatus"] == "Failed"
    assert "AccessDenied" in job["FailureReason"]


def test_existing_names_and_folders_outside_of_processing_are_refused(studio: Studio) -> None:
    start(studio, "once")
    with pytest.raises(ClientError, match="Processing job names must be unique"):
        start(studio, "once")
    for path in ("/etc/x", "/opt/ml/processing/../../x", "/opt/ml/input/x"):
        with pytest.raises(ClientError, match="must be below /opt/ml/processing/"):
            start(studio, "outside", ProcessingInputs=[s3_input("data", "data/", path)])


def test_entrypoint_is_any_command_and_its_exit_code_decides(studio: Studio) -> None:
    script = f"ls {INPUT}/data; echo $LIMIT $PROCESSING_JOB_NAME > {OUT}/said.txt; exit $0"
    for name, code, status in (("shell", "0", "Completed"), ("broken", "5", "Failed")):
        application = {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["/bin/sh", "-c"],
            "ContainerArguments": [script, code],
        }
        start(studio, name, AppSpecification=application)
        assert processed(studio, name)["ProcessingJobStatus"] == status
    assert body(studio, "processed/shell/said.txt") == b"3 shell\n"
    assert studio.log_lines("/aws/sagemaker/ProcessingJobs", "shell") == ["a.json", "deep"]


# --- batch transform ---


def test_every_line_of_every_object_gets_a_response(studio: Studio) -> None:
    job = transformed(studio, "lines", "batch/plain/", MaxConcurrentTransforms=2)
    assert job["TransformJobStatus"] == "Completed"
    head = studio.s3.head_object(Bucket=BUCKET, Key="transformed/lines/a.jsonl.out")
    assert head["SSEKMSKeyId"] == "alias/answers"
    lines = body(studio, "transformed/lines/a.jsonl.out").splitlines()
    assert len(lines) == 5
    answers = [json.loads(line) for line in lines]
    assert {one["model"] for one in answers} == {"echo"}
    assert {one["accept"] for one in answers} == {"application/jsonlines"}
    assert len(body(studio, "transformed/lines/deep/b.jsonl.out").splitlines()) == 1
    log = studio.log_lines("/aws/sagemaker/TransformJobs", "lines")
    assert "tiny: serving echo (fine)" in log


def test_compressed_input_is_decompressed(studio: Studio) -> None:
    job = transformed(studio, "packed", "batch/gz/", source={"CompressionType": "Gzip"})
    assert job["TransformJobStatus"] == "Completed"
    assert len(body(studio, "transformed/packed/a.jsonl.gz.out").splitlines()) == 5


def test_refused_record_fails_the_job_without_output(studio: Studio) -> None:
    job = transformed(studio, "refused", "batch/bad/")
    assert job["TransformJobStatus"] == "Failed"
    assert "the model refused this part: status 400" in job["FailureReason"]
    listed = studio.s3.list_objects_v2(Bucket=BUCKET, Prefix="transformed/refused")
    assert listed["KeyCount"] == 0


def test_model_that_does_not_serve_fails_the_job(studio: Studio) -> None:
    studio.model("dead", serve="die")
    job = transformed(studio, "dead", "batch/plain/", ModelName="dead")
    assert job["TransformJobStatus"] == "Failed"
    assert "no model that can be served" in job["FailureReason"]


def test_unknown_model_and_split_are_refused(studio: Studio) -> None:
    with pytest.raises(ClientError, match=r'Could not find model ".*model/nobody"'):
        transformed(studio, "nobody", "batch/plain/", ModelName="nobody")
    with pytest.raises(
        ClientError, match=r"TransformInput\.SplitType RecordIO \(only None or Line\)"
    ):
        transformed(studio, "records", "batch/plain/", split="RecordIO")
