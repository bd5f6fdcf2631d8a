"""Small estate for the Glue tests: buckets, role, the jobs, and messages in the raw bucket."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from contracts.lake import locations
from contracts.lake.runs import NAMESPACE
from contracts.names import GLUE_JOBS, Names
from glue_jobs.lake.delta import snapshot
from glue_jobs.operator.job_client import JobClient, Window
from glue_jobs.runs.run_record import RunRecord
from tests.support.waiting import until

PROJECT = Path(__file__).resolve().parents[3]
ARRIVED = datetime(2026, 6, 3, 10, tzinfo=UTC)
FIRST_READING = datetime(2026, 5, 31, tzinfo=UTC)
WINDOW = Window(start=ARRIVED, end=ARRIVED + timedelta(days=1))
FINAL = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT")


class Estate:
    """One environment with a name of its own, so that tests do not share resources."""

    def __init__(self, session: boto3.Session, environment: str = "staging") -> None:
        self.session = session
        self.s3 = session.client("s3")
        self.glue = session.client("glue")
        self.logs = session.client("logs")
        self.names = Names.from_aws(session, environment)
        self.client = JobClient(session, self.names)

    def build(self) -> Estate:
        for purpose in ("raw", "curated", "models", "code"):
            self.s3.create_bucket(
                Bucket=self.names.bucket(purpose),
                CreateBucketConfiguration={"LocationConstraint": self.names.region},
            )
        self._role()
        library = io.BytesIO()
        with zipfile.ZipFile(library, "w") as archive:
            for part in ("contracts", "glue_jobs"):
                for path in (PROJECT / part).rglob("*.py"):
                    archive.write(path, path.relative_to(PROJECT))
        self.put("code", "glue/lakecast.zip", library.getvalue())
        for job in GLUE_JOBS:
            self.job(self.names.job(job), (PROJECT / f"glue_jobs/{job}.py").read_text())
        return self

    def _role(self) -> None:
        iam = self.session.client("iam")
        name = self.names.part("glue")
        trust = {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}}
        may = {
            "Effect": "Allow",
            "Action": ["s3:*", "glue:*"],
            "Resource": [f"arn:aws:s3:::{self.names.part('')}*", "arn:aws:glue:*"],
        }
        metrics = {
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
        }
        iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
            ),
        )
        iam.put_role_policy(
            RoleName=name,
            PolicyName="lake",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may, metrics]}),
        )

    def job(self, name: str, script: str, **changes: Any) -> str:
        """Create or update a job that runs a script."""
        self.put("code", f"glue/{name}.py", script.encode())
        code = self.names.bucket("code")
        definition = {
            "Role": self.names.role_arn("glue"),
            "Command": {"Name": "glueetl", "ScriptLocation": f"s3://{code}/glue/{name}.py"},
            "DefaultArguments": {
                "--extra-py-files": f"s3://{code}/glue/lakecast.zip",
                "--environment": self.names.environment,
                "--metrics_namespace": NAMESPACE,
                "--max_quarantined_share": "0.2",
                "--least_messages": "10",
            },
            "GlueVersion": "5.1",
            "Timeout": 5,
            **changes,
        }
        try:
            self.glue.create_job(Name=name, **definition)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AlreadyExistsException"
            self.glue.update_job(JobName=name, JobUpdate=definition)
        return name

    def put(self, purpose: str, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.names.bucket(purpose), Key=key, Body=body)

    def land(self, name: str, lines: list[str], arrived: datetime = ARRIVED) -> None:
        """Write lines to the raw bucket in Firehose's form."""
        key = f"{locations.RAW_TELEMETRY.prefix}{locations.arrival_prefix(arrived)}{name}.gz"
        self.put("raw", key, gzip.compress("".join(f"{line}\n" for line in lines).encode()))

    def run(self, job: str, window: Window = WINDOW) -> dict[str, Any]:
        """Run one of the project's jobs and return its counts."""
        return self.client.run(job, window).counts

    def ended(self, job: str, arguments: dict[str, str] | None = None) -> dict[str, Any]:
        """Run any job and return the ended run."""
        run_id = self.glue.start_job_run(JobName=job, Arguments=arguments or {})["JobRunId"]
        return self.end_of(job, run_id)

    def end_of(self, job: str, run_id: str) -> dict[str, Any]:
        def state() -> dict[str, Any] | None:
            run = self.glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
            return run if run["JobRunState"] in FINAL else None

        return until(state, f"the end of {job}")

    def keys(self, place: locations.Location) -> list[str]:
        page = self.s3.list_objects_v2(Bucket=self.names.bucket(place.purpose), Prefix=place.prefix)
        return [item["Key"] for item in page.get("Contents", [])]

    def body(self, place: locations.Location, key: str) -> bytes:
        bucket = self.names.bucket(place.purpose)
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def table(self, place: locations.Location) -> list[dict[str, Any]]:
        """Return all rows of a table with ``date``, in a fixed order."""
        rows = []
        for key in self.files(place):
            read = pq.read_table(pa.BufferReader(self.body(place, key)), partitioning=None)
            date = key.partition("date=")[2].partition("/")[0]
            rows += [{**row, "date": date} for row in read.to_pylist()]
        return sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))

    def files(self, place: locations.Location) -> list[str]:
        """Return keys of a table's files; if it has a Delta log, those that the log names."""
        keys = self.keys(place)
        log = [key for key in keys if key.startswith(f"{place.prefix}_delta_log/")]
        if not log:
            return [key for key in keys if key.endswith(".parquet")]
        with tempfile.TemporaryDirectory() as folder:
            for key in log:
                path = Path(folder) / key.removeprefix(place.prefix)
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(self.body(place, key))
            return [f"{place.prefix}{file.path}" for file in snapshot(f"file://{folder}/").files]

    def record(self, job: str) -> RunRecord:
        """Return the row of a job's newest run in the table of runs."""
        (newest,) = self.glue.get_job_runs(JobName=self.names.job(job), MaxResults=1)["JobRuns"]
        record = self.client.record(job, newest["Id"])
        assert record is not None, newest
        return record

    def output(self, run_id: str) -> str:
        """Return the output of a run so far."""
        try:
            return self.log("/aws-glue/jobs/output", run_id)
        except self.logs.exceptions.ResourceNotFoundException:
            return ""

    def log(self, group: str, stream: str) -> str:
        events = self.logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]
        return "\n".join(event["message"] for event in events)


def message(device: str, number: int, /, **changes: Any) -> str:
    """Return a message as delivered by the topic rule; messages are an hour apart."""
    taken = FIRST_READING + timedelta(hours=number)
    fields = {
        "schema_version": 1,
        "device_id": device,
        "boot_id": "6f0c8c0e-6a2f-4b0e-9c1c-000000000001",
        "sequence": number,
        "timestamp": f"{taken:%Y-%m-%dT%H:%M:%SZ}",
        "ozone": float(number),
        "particulate_matter": 12.5,
        "longitude": 11.5,
        "latitude": 48.1,
        "thing_name": device,
        "received_at": int(ARRIVED.timestamp() * 1000) + number,
        **changes,
    }
    return json.dumps({name: value for name, value in fields.items() if value is not ...})
