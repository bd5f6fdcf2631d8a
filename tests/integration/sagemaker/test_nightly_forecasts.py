"""Tests of nightly forecasts to the lake, drift metrics, and the alarm that starts retraining."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from contracts.lake.forecasts import with_observed_values
from contracts.lake.queries import query
from contracts.lake.runs import NAMESPACE
from contracts.models import drift_metrics
from contracts.models.forecast_input import HORIZON
from contracts.names import Names
from localcloud.cloud.launch import LocalCloud, running
from tests.support import part_of_estate
from tests.support.models import forecasting_lake
from tests.support.models.nightly_lake import END, MEASURED, SERIES, NightlyLake, values
from tests.support.models.sagemaker_testbed import trust
from tests.support.sessions import session_of
from tests.support.waiting import until

_ANALYTICS = ("analytics_workgroup", "analytics_forecasts")


class Estate:
    """A cloud with the parts of the estate under test."""

    def __init__(self, session: boto3.Session, names: Names, cloud: LocalCloud) -> None:
        self.session, self.names = session, names
        self.lake = NightlyLake(session, names)
        self.states = session.client("stepfunctions")
        self.machine = names.state_machine_arn(names.nightly_machine)
        self.verb = partial(forecasting_lake.command, cloud)

    def execution(self) -> dict[str, Any]:
        """Runs an execution of the state machine and returns its description when it has ended."""
        started = self.states.start_execution(stateMachineArn=self.machine)["executionArn"]
        found: dict[str, Any] = until(
            lambda: _ended(self.states.describe_execution(executionArn=started)), "the end"
        )
        return found

    def query(self, sql: str) -> list[dict[str, str | None]]:
        return query(self.session.client("athena"), self.names, sql)

    def latest(self, metric: str, **dimensions: str) -> float:
        """Returns the maximum of a metric in the last hour."""
        now = datetime.now(UTC)
        (point,) = self.session.client("cloudwatch").get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=metric,
            Dimensions=[
                {"Name": name, "Value": value}
                for name, value in {"environment": "local", **dimensions}.items()
            ],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=["Maximum"],
        )["Datapoints"]
        return float(point["Maximum"])


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    home = tmp_path_factory.mktemp("nightly")
    with running(home=home / "cloud") as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in {**cloud.env, "LAKECAST_ENV": "local"}.items():
            patch.setenv(name, value)
        session = session_of(cloud)
        names = Names.from_aws(session, "local")
        found = Estate(session, names, cloud)
        part_of_estate.apply_stacks(
            names,
            home / "terraform",
            {
                "data": (
                    *("key", "alarms", "locks", "catalogue", "forecast_versions", "nightly_logs"),
                    *_ANALYTICS,
                ),
                "pipeline": ("nightly_", "drift_", "sagemaker_", "stopped_executions_"),
            },
        )
        found.lake.write()
        yield found


@pytest.fixture(scope="module")
def alarms(estate: Estate) -> Callable[[], list[str]]:
    """Returns the messages on the alarms' topic since the last call."""
    sqs = estate.session.client("sqs")
    publisher = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [publisher]})
    queue = sqs.create_queue(QueueName="alarms", Attributes={"Policy": policy})["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    estate.session.client("sns").subscribe(
        TopicArn=estate.names.alarm_topic_arn, Protocol="sqs", Endpoint=found["QueueArn"]
    )

    def received() -> list[str]:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"])["Message"] for message in messages]

    return received


@pytest.fixture(scope="module")
def too_early(estate: Estate, alarms: Callable[[], list[str]]) -> subprocess.CompletedProcess[str]:
    return estate.verb("forecast-batch")


@pytest.fixture(scope="module")
def night(
    too_early: subprocess.CompletedProcess[str],
    estate: Estate,
    tmp_path_factory: pytest.TempPathFactory,
) -> subprocess.CompletedProcess[str]:
    estate.lake.register(tmp_path_factory.mktemp("model"), "Approved")
    estate.lake.write_past_forecasts(version=1)
    return estate.verb("forecast-batch")


def forecasts_of(estate: Estate) -> list[dict[str, str | None]]:
    return estate.query(with_observed_values(f"= '{END:%Y-%m-%d}'"))


def test_without_an_approved_model_it_says_so(
    too_early: subprocess.CompletedProcess[str], alarms: Callable[[], list[str]]
) -> None:
    assert too_early.returncode == 1
    assert too_early.stderr.count("\n") == 1, too_early.stderr
    assert "no version of lakecast-local-forecast is approved" in too_early.stderr
    assert "make retrain" in too_early.stderr
    messages: list[str] = []
    until(lambda: messages.extend(alarms()) or len(messages) > 1, "two messages")
    (message,) = [one for one in messages if "The step Version failed" in one]
    assert "no version of lakecast-local-forecast is approved" in message
    assert "make forecast-batch ENV=local" in message
    assert any("ended as FAILED" in one for one in messages)  # even if it can't report itself


def test_another_execution_waits_for_its_turn(
    too_early: subprocess.CompletedProcess[str], estate: Estate
) -> None:
    table = {"TableName": estate.names.locks_table}
    key = {"name": {"S": estate.names.nightly_machine}}
    dynamodb = estate.session.client("dynamodb")
    assert "Item" not in dynamodb.get_item(**table, Key=key), "a failure gives the lock back"
    with held_by_running(estate) as holder:
        found = estate.execution()
    assert (found["status"], found["error"]) == ("FAILED", "Busy")
    assert holder in found["cause"]


def test_the_lock_of_an_execution_that_was_stopped_is_taken_over(
    too_early: subprocess.CompletedProcess[str],
    estate: Estate,
    alarms: Callable[[], list[str]],
) -> None:
    with held_by_running(estate) as holder:
        alarms()
        estate.states.stop_execution(executionArn=holder)
        found = estate.execution()
    assert (found["status"], found["error"]) == ("FAILED", "Version")  # it got past the lock
    messages: list[str] = []
    until(lambda: messages.extend(alarms()) or len(messages) > 1, "two messages")
    (stopped,) = [one for one in messages if "ABORTED" in one]
    assert f"Execution {holder} of {estate.machine} ended as ABORTED" in stopped


@contextmanager
def held_by_running(estate: Estate) -> Iterator[str]:
    """Starts an execution that holds the machine's lock and waits until it is stopped."""
    waits = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
    does = estate.states.describe_state_machine(stateMachineArn=estate.machine)["definition"]
    estate.states.update_state_machine(stateMachineArn=estate.machine, definition=json.dumps(waits))
    holder: str = estate.states.start_execution(stateMachineArn=estate.machine)["executionArn"]
    until(
        lambda: estate.states.get_execution_history(executionArn=holder)["events"][1:], "its start"
    )
    estate.states.update_state_machine(stateMachineArn=estate.machine, definition=does)
    table, key = estate.names.locks_table, {"name": {"S": estate.names.nightly_machine}}
    later = str(int(time.time()) + 3600)
    dynamodb = estate.session.client("dynamodb")
    dynamodb.put_item(
        TableName=table, Item={**key, "execution": {"S": holder}, "expires_at": {"N": later}}
    )
    yield holder
    dynamodb.delete_item(TableName=table, Key=key)
    with contextlib.suppress(ClientError):  # it has been stopped already
        estate.states.stop_execution(executionArn=holder)


def test_a_night_forecasts_every_series_once(
    night: subprocess.CompletedProcess[str], estate: Estate
) -> None:
    assert night.returncode == 0, night.stderr
    assert f"96 rows of version 1 in s3://{estate.names.bucket('curated')}/" in night.stdout
    rows = forecasts_of(estate)
    assert len(rows) == len(SERIES) * HORIZON
    assert {(row["device_id"], row["pollutant"]) for row in rows} == set(SERIES)
    assert all(float(row["q10"]) <= float(row["q50"]) <= float(row["q90"]) for row in rows)
    assert {row["observed"] for row in rows} == {None}  # the lake has no values after the origin


def test_athena_shows_forecasts_with_the_observed_values(
    night: subprocess.CompletedProcess[str], estate: Estate
) -> None:
    device, pollutant = SERIES[-1]
    day = END - timedelta(days=2)
    rows = [
        row
        for row in estate.query(with_observed_values(f"= '{day:%Y-%m-%d}'"))
        if (row["device_id"], row["pollutant"]) == (device, pollutant)
    ]
    observed = values(device, pollutant)[-48:-24]
    assert [float(row["observed"] or "nan") for row in rows] == pytest.approx(observed)
    assert [float(row["q50"] or "nan") for row in rows] == pytest.approx(1.1 * observed)


def test_the_workgroup_keeps_the_query_for_people(
    night: subprocess.CompletedProcess[str], estate: Estate
) -> None:
    athena = estate.session.client("athena")
    (kept,) = athena.list_named_queries(WorkGroup=estate.names.workgroup)["NamedQueryIds"]
    sql = athena.get_named_query(NamedQueryId=kept)["NamedQuery"]["QueryString"]
    assert estate.query(sql) == []  # the lake's data is from another year


def test_forecasting_an_origin_again_leaves_the_same_rows(
    night: subprocess.CompletedProcess[str], estate: Estate
) -> None:
    before = forecasts_of(estate)
    again = estate.verb("forecast-batch")
    assert again.returncode == 0, again.stderr
    assert forecasts_of(estate) == before


def test_an_ordinary_week_exceeds_no_limit(
    night: subprocess.CompletedProcess[str], estate: Estate
) -> None:
    assert "beyond a limit: nothing" in night.stdout
    assert 0 <= estate.latest(drift_metrics.INPUT) < 1
    assert 0 <= estate.latest(drift_metrics.MISSING, pollutant=MEASURED[0]) < 1
    assert estate.latest(drift_metrics.UNKNOWN) == 0
    # forecasts 10 % too high have a loss of 0.1; the limit is the reference's loss, 0.2
    assert estate.latest(drift_metrics.LOSS) == pytest.approx(0.5)


def test_an_unusual_week_exceeds_its_limit(
    night: subprocess.CompletedProcess[str], estate: Estate, tmp_path: Path
) -> None:
    estate.lake.write(last_week_times=4.0)
    found = estate.verb("monitor", "--output", str(tmp_path))
    assert found.returncode == 0, found.stderr
    (line,) = [
        line for line in found.stdout.splitlines() if "InputDrift" in line and "overall" in line
    ]
    assert "beyond" in line
    assert estate.latest(drift_metrics.INPUT, pollutant=MEASURED[0]) > 1
    assert "beyond" in (tmp_path / "drift.html").read_text()


@pytest.fixture
def retraining(estate: Estate) -> str:
    """A state machine with the name of the real one, which has its own tests."""
    done = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    role = estate.session.client("iam").create_role(
        RoleName="retraining", AssumeRolePolicyDocument=trust("states.amazonaws.com")
    )
    made = estate.session.client("stepfunctions").create_state_machine(
        name=estate.names.retrain_machine,
        definition=json.dumps(done),
        roleArn=role["Role"]["Arn"],
    )
    arn: str = made["stateMachineArn"]
    return arn


def test_an_alarm_on_drift_starts_retraining(estate: Estate, retraining: str) -> None:
    now = datetime.now(UTC)
    estate.session.client("cloudwatch").put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": drift_metrics.INPUT,
                "Dimensions": [{"Name": "environment", "Value": "local"}],
                "Value": 1.2,
                "Timestamp": now - timedelta(days=day),
            }
            for day in (1, 2, 3)
        ],
    )
    states = estate.session.client("stepfunctions")
    (started,) = until(
        lambda: states.list_executions(stateMachineArn=retraining)["executions"], "an execution"
    )
    given = states.describe_execution(executionArn=started["executionArn"])["input"]
    assert json.loads(given) == {"reason": "alarm lakecast-local-input-drift"}


def _ended(execution: dict[str, Any]) -> dict[str, Any] | None:
    return None if execution["status"] == "RUNNING" else execution
