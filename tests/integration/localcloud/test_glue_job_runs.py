"""Tests of job runs through Glue's API: arguments, states, failures, limits and interruptions."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud.cloud.launch import CloudConfig, free_port, running
from tests.support.glue.testbed import Estate
from tests.support.processes import assert_ended
from tests.support.sessions import session_of
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(180)

WAIT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("pids", os.getpid(), child.pid, flush=True)
time.sleep(600)
"""
COPY = """
import sys
from pathlib import Path
from awsglue.utils import getResolvedOptions

options = getResolvedOptions(sys.argv, ["JOB_NAME", "folder", "word"])
folder = Path(options["folder"].removeprefix("file://"))
for path in folder.glob("old/*"):
    path.unlink()
(folder / "kept").write_text("changed")
(folder / "new").mkdir()
(folder / "new/made").write_text(" ".join(sorted(p.name for p in folder.iterdir())))
print(options["JOB_NAME"], options["word"])
"""


@pytest.fixture(scope="module")
def estate(aws: boto3.Session) -> Estate:
    return Estate(aws, "prod").build()


def plain(estate: Estate, name: str, script: str, **changes) -> str:
    code = estate.names.bucket("code")
    command = {"Name": "pythonshell", "ScriptLocation": f"s3://{code}/glue/{name}.py"}
    return estate.job(name, script, Command=command, **changes)


def pids(estate: Estate, run_id: str) -> list[int]:
    """Reads the process ids of a run of `WAIT` from its log."""

    log = until(lambda: estate.output(run_id), "the script's first line in CloudWatch Logs")
    return [int(word) for word in log.split()[1:]]


def test_a_job_reads_its_folder_and_its_changes_are_uploaded(estate: Estate) -> None:
    for key in ("place/kept", "place/same", "place/old/one", "elsewhere"):
        estate.put("curated", key, key.encode())
    bucket = estate.names.bucket("curated")
    defaults = {"--folder": f"s3://{bucket}/place/", "--word": "default"}
    job = plain(estate, "copy", COPY, DefaultArguments=defaults)
    same = estate.s3.head_object(Bucket=bucket, Key="place/same")["LastModified"]
    run = estate.ended(job, {"--word": "given"})
    assert run["JobRunState"] == "SUCCEEDED", run
    listed = estate.s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [item["Key"] for item in listed] == [
        "elsewhere",
        "place/kept",
        "place/new/made",
        "place/same",
    ]
    made = estate.s3.get_object(Bucket=bucket, Key="place/new/made")["Body"].read()
    assert made == b"kept new old same"
    assert estate.s3.head_object(Bucket=bucket, Key="place/same")["LastModified"] == same
    assert estate.log("/aws-glue/jobs/output", run["Id"]) == "copy given"
    assert run["Arguments"] == {"--word": "given"}
    assert run["CompletedOn"] >= run["StartedOn"]


def test_a_failed_job_reports_why_and_keeps_its_output(estate: Estate) -> None:
    script = COPY + "\nraise LookupError(f'nothing in {folder}/here')\n"
    bucket = estate.names.bucket("curated")
    estate.put("curated", "failing/kept", b"as it was")
    arguments = {"--folder": f"s3://{bucket}/failing/", "--word": "x"}
    run = estate.ended(plain(estate, "failing", script, DefaultArguments=arguments))
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"] == f"LookupError: nothing in s3://{bucket}/failing/here"
    kept = estate.s3.get_object(Bucket=bucket, Key="failing/kept")["Body"].read()
    assert kept == b"changed"
    assert "Traceback" in estate.log("/aws-glue/jobs/error", run["Id"])


def test_spark_errors_are_reported_in_one_line(estate: Estate) -> None:
    script = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print(spark.version, spark.conf.get("spark.sql.shuffle.partitions"), spark.conf.get("spark.x"))
spark.read.parquet("file:///nowhere")
"""
    conf = {"--conf": "spark.sql.shuffle.partitions=3 --conf spark.x=a b"}
    run = estate.ended(estate.job("spark-fails", script, DefaultArguments=conf))
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith("AnalysisException: [PATH_NOT_FOUND]")
    assert "\n" not in run["ErrorMessage"]
    assert estate.log("/aws-glue/jobs/output", run["Id"]) == "3.5.6 3 a b"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Role": "arn:aws:iam::000000000000:role/nobody"}, "role/nobody does not exist"),
        ({"DefaultArguments": {"--in": "s3://no-such-bucket/x/"}}, "read s3://no-such-bucket/x/"),
        ({"DefaultArguments": {"--additional-python-modules": "x"}}, "in the form name==version"),
        ({"DefaultArguments": {"--additional-python-modules": "rich==0.1"}}, "requires rich==0.1"),
    ],
)
def test_missing_inputs_fail_the_run(estate: Estate, changes: dict, reason: str) -> None:
    run = estate.ended(plain(estate, "missing", "print('never')", **changes))
    assert run["JobRunState"] == "FAILED"
    assert reason in run["ErrorMessage"]


def test_a_role_cannot_write_to_other_buckets(estate: Estate) -> None:
    estate.s3.create_bucket(
        Bucket="foreign-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    script = (
        "import boto3; boto3.client('s3').put_object(Bucket='foreign-bucket', Key='k', Body=b'')"
    )
    run = estate.ended(plain(estate, "foreign", script))
    assert run["JobRunState"] == "FAILED"
    assert "AccessDenied" in run["ErrorMessage"]


def test_a_failed_job_commits_after_another_runs_commit(estate: Estate) -> None:
    """Covers a run that fails for its quarantine after its commit, while another run commits."""
    script = """
import sys, time
from pathlib import Path
import boto3
from awsglue.utils import getResolvedOptions

given = getResolvedOptions(sys.argv, ["table", "bucket"])
log = Path(given["table"].removeprefix("file://")) / "_delta_log"
log.mkdir(exist_ok=True)
number = len(list(log.glob("*.json")))
print("sees", number, flush=True)
while not boto3.client("s3").list_objects_v2(Bucket=given["bucket"], Prefix="go").get("Contents"):
    time.sleep(0.1)
(log / f"{number:020}.json").write_text("mine")
raise LookupError("too much in quarantine")
"""
    bucket = estate.names.bucket("curated")
    arguments = {"--table": f"s3://{bucket}/contended/", "--bucket": bucket}
    job = plain(estate, "contended", script, DefaultArguments=arguments)
    run_id = estate.glue.start_job_run(JobName=job)["JobRunId"]
    until(lambda: estate.output(run_id) == "sees 0", "the script's copy of the table")
    entry = "contended/_delta_log/{:020}.json"
    estate.put("curated", entry.format(0), b"another's")
    estate.put("curated", "go", b"")
    run = estate.end_of(job, run_id)
    assert run["ErrorMessage"] == "LookupError: too much in quarantine"
    bodies = [
        estate.s3.get_object(Bucket=bucket, Key=entry.format(number))["Body"].read()
        for number in (0, 1)
    ]
    assert bodies == [b"another's", b"mine"]


def test_a_role_publishes_metrics_of_its_namespace_only(estate: Estate) -> None:
    script = """
import boto3
cloudwatch = boto3.client("cloudwatch")
for namespace in ("Lakecast", "Other"):
    data = [{"MetricName": "m", "Value": 1}]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    print(namespace, flush=True)
"""
    run = estate.ended(plain(estate, "metrics", script))
    assert run["JobRunState"] == "FAILED"
    assert "not authorized to perform: cloudwatch:PutMetricData" in run["ErrorMessage"]
    assert estate.log("/aws-glue/jobs/output", run["Id"]) == "Lakecast"


def test_one_run_at_a_time_unless_the_job_allows_more(estate: Estate) -> None:
    job = plain(estate, "one-only", WAIT)
    run_id = estate.glue.start_job_run(JobName=job)["JobRunId"]
    with pytest.raises(estate.glue.exceptions.ConcurrentRunsExceededException):
        estate.glue.start_job_run(JobName=job)
    processes = pids(estate, run_id)
    assert estate.glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]["JobRunState"] == "RUNNING"
    stopped = estate.glue.batch_stop_job_run(JobName=job, JobRunIds=[run_id, "jr_none"])
    assert [one["JobRunId"] for one in stopped["SuccessfulSubmissions"]] == [run_id]
    assert stopped["Errors"][0]["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    assert estate.end_of(job, run_id)["JobRunState"] == "STOPPED"
    assert_ended(processes)
    runs = estate.glue.get_job_runs(JobName=job)["JobRuns"]
    assert [run["Id"] for run in runs] == [run_id]


def test_a_killed_script_is_a_failed_run(estate: Estate) -> None:
    job = plain(estate, "killed", WAIT)
    run_id = estate.glue.start_job_run(JobName=job)["JobRunId"]
    parent, child = pids(estate, run_id)
    os.kill(parent, signal.SIGKILL)
    run = estate.end_of(job, run_id)
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"] == "Command failed: the script's process was killed by signal 9"
    assert_ended([child])


def test_unknown_jobs_and_malformed_requests_are_refused(estate: Estate) -> None:
    with pytest.raises(estate.glue.exceptions.EntityNotFoundException):
        estate.glue.start_job_run(JobName="no-such-job")
    with pytest.raises(ClientError) as refused:
        estate.glue.start_job_run(JobName="x" * 256)
    assert refused.value.response["Error"]["Code"] == "InvalidInputException"


def test_definitions_are_returned_as_they_were_given(estate: Estate) -> None:
    definition = {
        "Description": "d",
        "Role": estate.names.role_arn("glue"),
        "Command": {"Name": "glueetl", "ScriptLocation": "s3://b/s.py", "PythonVersion": "3"},
        "ExecutionProperty": {"MaxConcurrentRuns": 2},
        "GlueVersion": "5.1",
        "WorkerType": "G.1X",
        "NumberOfWorkers": 2,
        "MaxRetries": 0,
        "Timeout": 30,
    }
    estate.glue.create_job(Name="defined", Tags={"owner": "us"}, **definition)
    got = estate.glue.get_job(JobName="defined")["Job"]
    assert got.items() >= definition.items()
    assert got["MaxCapacity"] == 2.0
    assert not {"DefaultArguments", "Connections", "SecurityConfiguration"} & got.keys()
    arn = f"arn:aws:glue:{estate.names.region}:{estate.names.account_id}:job/defined"
    assert estate.glue.get_tags(ResourceArn=arn)["Tags"] == {"owner": "us"}
    del definition["Description"]
    estate.glue.update_job(JobName="defined", JobUpdate=definition)
    assert "Description" not in estate.glue.get_job(JobName="defined")["Job"]
    estate.glue.delete_job(JobName="defined")
    assert estate.glue.get_tags(ResourceArn=arn)["Tags"] == {}


@pytest.mark.parametrize("clean", [True, False], ids=["stopped", "crashed"])
def test_a_run_interrupted_by_the_clouds_end_is_failed(tmp_path: Path, clean: bool) -> None:
    config = CloudConfig(home=tmp_path, port=free_port(), mqtt_port=free_port())
    with running(config) as cloud:
        first = Estate(session_of(cloud)).build()
        job = plain(first, "cut-off", WAIT)
        run_id = first.glue.start_job_run(JobName=job)["JobRunId"]
        processes = pids(first, run_id)
        if not clean:
            os.kill(cloud.pid, signal.SIGKILL)
            assert_ended(processes)
    assert_ended(processes)
    with running(config) as cloud:
        glue = session_of(cloud).client("glue")
        if not clean:  # runs are always saved, but the last save of the job may not have come
            role = "arn:aws:iam::000000000000:role/r"
            command = {"Name": "glueetl", "ScriptLocation": "s"}
            with contextlib.suppress(glue.exceptions.AlreadyExistsException):
                glue.create_job(Name=job, Role=role, Command=command)
        run = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
    assert run["JobRunState"] == "FAILED"
    assert "the local cloud was stopped" in run["ErrorMessage"]
    assert not (tmp_path / "glue/runs" / run_id / "work").exists()
    assert (tmp_path / "glue/runs" / run_id / "output.log").read_text().startswith("pids")
