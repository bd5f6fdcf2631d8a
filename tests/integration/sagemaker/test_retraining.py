"""Tests of retraining from raw messages to an evaluated version, with the estate's resources."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contracts.lake import locations
from contracts.names import Names
from localcloud.cloud.launch import running
from tests.support import part_of_estate
from tests.support.glue.testbed import FIRST_READING, message
from tests.support.sessions import session_of
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]
DEVICES = ("harbour", "hill")
DAYS = 36
ARRIVED = FIRST_READING + timedelta(days=DAYS)  # all at once, as after a long outage
ORIGINS = 7  # as in the local settings
SMALL = ("rounds=30", "folds=2", "block_days=4", "min_data_in_leaf=10", "outer_min_data_in_leaf=20")
USELESS = ("rounds=1", "learning_rate=0.000001", "folds=2", "block_days=4")
STACKS = {
    "data": (
        *("key", "alarms", "locks", "catalogue", "analytics_glue_encryption"),
        *("jobs_", "forecast_"),
    ),
    "pipeline": (
        *(
            "glue_role",
            "glue_crawler",
            "glue_library",
            "glue_modules",
            "glue_telemetry",
            "glue_build",
        ),
        *("sagemaker_", "retrain_"),
    ),
}


class Estate:
    """A cloud with the parts of the estate for retraining, and a queue of the alarms' topic."""

    def __init__(self, session: Any, names: Names, variables: dict[str, str], home: Path) -> None:
        self.names, self.home, self._session, self._variables = names, home, session, variables
        self.sagemaker = session.client("sagemaker")
        self.states = session.client("stepfunctions")
        self.machine = names.state_machine_arn(names.retrain_machine)
        self._sqs = session.client("sqs")
        self._mailbox = self._subscribed(session.client("sns"))

    def _subscribed(self, sns: Any) -> str:
        policy = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": "*",
        }
        url: str = self._sqs.create_queue(
            QueueName="mailbox", Attributes={"Policy": json.dumps({"Statement": [policy]})}
        )["QueueUrl"]
        found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        sns.subscribe(
            TopicArn=self.names.alarm_topic_arn,
            Protocol="sqs",
            Endpoint=found["Attributes"]["QueueArn"],
        )
        return url

    def verb(self, *options: str) -> subprocess.Popen[str]:
        """Starts ``make retrain`` as a process."""
        command = ["retrain", "--output", str(self.home / "reports"), *options]
        return subprocess.Popen(
            [sys.executable, "-m", "lakecast", "models", *command],
            cwd=ROOT,
            env={**os.environ, **self._variables, "LAKECAST_ENV": "local", "COLUMNS": "150"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def retrain(self, *options: str) -> tuple[int, str]:
        return ended(self.verb(*options))

    def land(self) -> None:
        """Writes raw messages: per pollutant a daily cycle with a drifting level, and noise."""
        lines = []
        for seed, device in enumerate(DEVICES):
            rng = np.random.default_rng(seed)
            wander = np.exp(np.cumsum(rng.normal(0, 0.03, DAYS * 24)))
            hours = (FIRST_READING.hour + np.arange(DAYS * 24)) % 24
            level = 30 * wander * (1.4 + np.sin(2 * np.pi * hours / 24))
            ozone = level * rng.lognormal(sigma=0.3, size=len(level))
            carbon = 20 * level * rng.lognormal(sigma=0.3, size=len(level))
            lines += [
                message(
                    device,
                    hour,
                    ozone=o,
                    carbon_monoxide=c,
                    particulate_matter=None,
                    received_at=int(ARRIVED.timestamp() * 1000),
                )
                for hour, (o, c) in enumerate(zip(ozone.tolist(), carbon.tolist(), strict=True))
            ]
        self._session.client("s3").put_object(
            Bucket=self.names.bucket(locations.RAW_TELEMETRY.purpose),
            Key=f"{locations.RAW_TELEMETRY.prefix}{locations.arrival_prefix(ARRIVED)}month.gz",
            Body=gzip.compress("\n".join(lines).encode()),
        )

    def version(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.sagemaker.describe_model_package(
            ModelPackageName=f"arn:aws:sagemaker:{self.names.region}:{self.names.account_id}:"
            f"model-package/{self.names.model_package_group}/{number}"
        )
        return found

    def jobs(self, family: str, run: str) -> list[str]:
        """Returns the names of a run's jobs, oldest first."""
        jobs = getattr(self.sagemaker, f"list_{family.lower()}_jobs")(NameContains=run)
        found = jobs[f"{family}JobSummaries"]
        return [one[f"{family}JobName"] for one in reversed(found)]

    def report(self, run: str, name: str) -> Any:
        return json.loads((self.home / "reports" / run / name).read_text())

    def lock(self) -> dict[str, Any] | None:
        key = {"name": {"S": self.names.retrain_machine}}
        table = self._session.client("dynamodb")
        item: dict[str, Any] | None = table.get_item(TableName=self.names.locks_table, Key=key).get(
            "Item"
        )
        return item

    def forget_lock_of(self, execution: str) -> None:
        """Writes a lock of an execution, as remains when an execution is stopped."""
        self._session.client("dynamodb").put_item(
            TableName=self.names.locks_table,
            Item={
                "name": {"S": self.names.retrain_machine},
                "execution": {"S": execution},
                "expires_at": {"N": str(int(datetime.now(UTC).timestamp()) + 3600)},
            },
        )

    def running(self) -> str | None:
        found = self.states.list_executions(stateMachineArn=self.machine, statusFilter="RUNNING")[
            "executions"
        ]
        return found[0]["executionArn"] if found else None

    def end_of(self, execution: str) -> dict[str, Any]:
        def end() -> dict[str, Any] | None:
            found: dict[str, Any] = self.states.describe_execution(executionArn=execution)
            return None if found["status"] == "RUNNING" else found

        return until(end, "the end of the execution")

    def mail(self) -> dict[str, Any]:
        """Returns retraining's message on the alarms' topic, which also has messages of alarms."""

        def told() -> dict[str, Any] | None:
            found = self._sqs.receive_message(QueueUrl=self._mailbox, MaxNumberOfMessages=10)
            bodies = [json.loads(one["Body"]) for one in found.get("Messages", [])]
            mine = self.names.retrain_machine
            return next((body for body in bodies if body["Subject"].startswith(mine)), None)

        return until(told, "a message of the failure")


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Returns the exit code and the output of a command."""
    out, error = process.communicate(timeout=280)
    return process.returncode, out + error


def run_of(said: str) -> str:
    return said.partition("run ")[2].split()[0]


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    home = tmp_path_factory.mktemp("retraining")
    with running(home=home / "cloud") as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.env.items():
            patch.setenv(name, value)
        session = session_of(cloud)
        names = Names.from_aws(session, "local")
        for purpose in ("raw", "curated", "models", "code"):
            session.client("s3").create_bucket(
                Bucket=names.bucket(purpose),
                CreateBucketConfiguration={"LocationConstraint": names.region},
            )
        part_of_estate.apply_stacks(names, home / "terraform", STACKS)
        yield Estate(session, names, cloud.env, home)


@pytest.fixture(scope="module")
def first(estate: Estate) -> dict[str, Any]:
    """The first run, from raw messages: interrupted and resumed; concurrent runs are refused."""
    estate.land()
    end = ARRIVED + timedelta(days=1)
    window = ("--start", ARRIVED.isoformat(), "--end", end.isoformat())
    verb = estate.verb("--set", *SMALL, *window)
    until(estate.lock, "the lock")
    refused = estate.retrain()
    started = estate.states.start_execution(stateMachineArn=estate.machine)["executionArn"]
    busy = estate.end_of(started)
    verb.send_signal(signal.SIGINT)
    code, left = ended(verb)
    assert code == 130, left
    code, said = estate.retrain("--resume", run_of(left))  # it is still running, so it is followed
    assert code == 0, said
    run = run_of(said)
    return {"said": said, "left": left, "run": run, "refused": refused, "busy": busy}


@pytest.fixture(scope="module")
def second(estate: Estate, first: dict[str, Any]) -> dict[str, Any]:
    """A second run, which finds the lock of an execution that has ended."""
    estate.forget_lock_of(first["busy"]["executionArn"])
    code, said = estate.retrain("--set", *SMALL, "--no-etl", "--reason", "it's a test")
    assert code == 0, said
    return {"said": said, "run": run_of(said)}


@pytest.fixture(scope="module")
def failed(estate: Estate, second: dict[str, Any]) -> dict[str, Any]:
    """A run that fails in training, with its output and notification."""
    code, said = estate.retrain("--set", "rounds=none", "--no-etl")
    assert code == 1, said
    return {"said": said, "mail": estate.mail(), "run": said.partition("RESUME=")[2].split()[0]}


@pytest.fixture(scope="module")
def sabotaged(estate: Estate, failed: dict[str, Any]) -> dict[str, Any]:
    """The failed run, resumed with a model that learns almost nothing."""
    code, said = estate.retrain("--set", *USELESS, "--resume", failed["run"])
    assert code == 0, said
    return {"said": said}


def test_first_run_ends_with_an_approved_version_of_the_devices_data(estate, first):
    said = first["said"]
    steps = ["Crawl", "Readings", "Series", "Hold out", "Train", "Predict", "Judge", "Register"]
    places = [said.index(f"  {step} ") for step in steps]
    assert places == sorted(places)
    assert "the gate accepted it:" in said
    assert "version 1 is approved" in said
    found = estate.version(1)
    assert found["ModelApprovalStatus"] == "Approved"
    kept = found["CustomerMetadataProperties"]
    assert kept["run"] == first["run"]
    assert kept["training_job"] == estate.jobs("Training", first["run"])[0]
    assert (kept["algorithm"], kept["origins"], kept["champion"]) == ("boosting", "7", "none")
    # the last origin is a day before the readings' end; there are seven, 30 hours apart
    assert kept["data_end"] == "2026-06-27T12:00:00Z"
    assert len(kept["commit"]) == 40
    assert float(kept["wql"]) < min(float(kept["wql_persistence"]), float(kept["wql_naive_24"]))


def test_an_interrupted_wait_says_how_to_resume_it(estate, first):
    assert f"run {first['run']} goes on by itself" in first["left"]
    assert f"make retrain RESUME={first['run']}" in first["left"]
    assert len(estate.jobs("Training", first["run"])) == 1


def test_the_report_lies_beside_the_figures(estate, first):
    metrics = estate.report(first["run"], "metrics.json")
    assert metrics["series"] == 4
    assert metrics["forecasts"] == 4 * ORIGINS
    assert "report.html" in first["said"]
    assert "<svg" in (estate.home / "reports" / first["run"] / "report.html").read_text()


def test_only_one_run_at_a_time(first):
    code, said = first["refused"]
    assert code == 1
    assert f"run {first['run']} is under way" in said
    assert first["busy"]["error"] == "RetrainingUnderWay"
    assert first["run"] in first["busy"]["cause"]


def test_second_run_compares_with_the_champion_and_takes_a_dead_lock_over(estate, second):
    assert "champion, on what both know" in second["said"]
    compared = estate.report(second["run"], "metrics.json")["compared_with_champion"]
    assert compared["package"].endswith("/1")
    assert compared["candidate"] == pytest.approx(compared["champion"])  # trained identically
    found = estate.version(2)
    assert found["ModelApprovalStatus"] == "Approved"
    assert found["CustomerMetadataProperties"]["reason"] == "it s a test"
    assert "0.0%" in found["ApprovalDescription"]
    assert estate.lock() is None


def test_a_failure_reports_step_cause_and_how_to_resume(estate, failed):
    text = failed["mail"]["Message"]
    assert failed["mail"]["Subject"] == "lakecast-local-retrain failed at Train"
    assert "rounds must be" in text
    streams = f"lakecast-local-retrain-{failed['run']}-train-"
    assert f"/aws/sagemaker/TrainingJobs, streams {streams}" in text
    assert f"make retrain ENV=local RESUME={failed['run']}" in text
    assert "rounds must be" in failed["said"]


def test_a_resumed_run_repeats_no_completed_work(estate, failed, sabotaged):
    assert len([j for j in estate.jobs("Processing", failed["run"]) if "-hold-out-" in j]) == 1
    assert len(estate.jobs("Training", failed["run"])) == 2


def test_sabotaged_candidate_is_rejected_with_reasons_and_leaves_the_champion(estate, sabotaged):
    assert "the gate rejected it" in sabotaged["said"]
    found = estate.version(3)
    assert found["ModelApprovalStatus"] == "Rejected"
    assert "above the champion's" in found["ApprovalDescription"]
    assert found["CustomerMetadataProperties"]["verdict"] == "rejected"
    assert estate.version(2)["ModelApprovalStatus"] == "Approved"


def test_temporary_models_and_the_lock_are_removed(estate, sabotaged):
    assert estate.sagemaker.list_models(NameContains="retrain")["Models"] == []
    assert estate.lock() is None
