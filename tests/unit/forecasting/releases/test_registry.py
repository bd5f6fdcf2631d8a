"""Versions of the model: what is listed, what serves, and the rollout that a change starts."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError
from forecasting.cli import registry
from forecasting.errors import ForecastingError
from forecasting.releases import servable
from forecasting.releases.registry import APPROVED, PENDING, REJECTED, Version
from forecasting.releases.rollout import Rollout
from forecasting.releases.serving import Served
from rich.console import Console

from contracts.models import naming, releases
from contracts.names import Names
from lakecast.__main__ import main

NAMES = Names("prod", "123456789012", "eu-west-1")
METADATA = {
    "algorithm": "boosting",
    "training_job": "lakecast-prod-boosting-1",
    "data_start": "2026-01-01T00:00:00Z",
    "data_end": "2026-06-30T00:00:00Z",
    "wql": "0.342",
    "wql_champion": "0.355",
    "wql_persistence": "0.453",
    "coverage_80": "0.81",
    "commit": "0123456789abcdef",
    "categories": "s3://models/evaluations/run/categories.json",
}


def version(number, status=APPROVED, **metadata):
    created = datetime(2026, 7, 1, 4, 30, tzinfo=UTC)
    arn = f"arn:aws:sagemaker:eu-west-1:123456789012:model-package/{NAMES.model_package_group}"
    return Version(number, f"{arn}/{number}", status, created, "", METADATA | metadata)


def printed(*versions, variants=()):
    console = Console(file=io.StringIO(), width=200)
    console.print(registry.table(NAMES, versions, variants))
    return console.file.getvalue().splitlines()


def test_a_row_has_the_figures_of_a_version_and_its_baselines():
    header, row = printed(version(3))
    assert header.split()[:4] == ["version", "status", "algorithm", "data"]
    assert row.split() == [
        "3", "approved", "boosting", "2026-01-01", "–", "2026-06-30",
        "0.342", "0.355", "0.453", "0.810", "012345678", "2026-07-01", "04:30",
    ]  # fmt: skip


def test_a_version_without_metadata_is_listed():
    bare = Version(4, "arn", REJECTED, datetime(2026, 7, 1, tzinfo=UTC), "", {})
    assert printed(bare)[1].split()[:2] == ["4", "rejected"]
    assert printed(version(1, wql_champion="none"))[1].split()[7] == "–"


def test_live_versions_are_marked_with_their_share_of_the_traffic():
    variants = [
        Served("champion", naming.model(NAMES, 3), 0.9),
        Served("challenger", "lakecast-prod-deepar-7", 0.1),
    ]
    rows = printed(
        version(12, PENDING, training_job="lakecast-prod-deepar-7"),
        version(3),
        version(2, training_job="lakecast-prod-boosting-0"),
        variants=variants,
    )
    assert [row.split()[:3] for row in rows[1:]] == [
        ["▸", "10%", "12"],
        ["▸", "90%", "3"],
        ["2", "approved", "boosting"],
    ]


def test_reasons_are_printed_unchanged_one_per_line():
    console = Console(file=io.StringIO(), width=200)
    judged = replace(version(3, REJECTED), reason="gate: rejected: its loss [0.9]; its band")
    registry.show(judged, console)
    lines = [" ".join(line.split()) for line in console.file.getvalue().splitlines()]
    assert lines[:4] == [
        "version 3",
        "status Rejected",
        "judgement gate: rejected: its loss [0.9]",
        "its band",
    ]
    assert "wql persistence 0.453" in lines


def test_a_release_is_named_by_its_content():
    variants = [{"name": "champion", "model": naming.model(NAMES, 12), "weight": 1, "version": 12}]

    def name(instance_type, instances):
        release = releases.of_variants(
            NAMES,
            variants,
            instance_type=instance_type,
            instance_count=instances,
            newest_approved=0,
            written_at="now",
        )
        return release.configuration

    assert name("ml.m5.2xlarge", 2).startswith("lakecast-prod-forecast-v12-")
    different = {name("ml.m5.2xlarge", 2), name("ml.m5.2xlarge", 1), name("ml.m5.large", 2)}
    assert len(different) == 3
    assert naming.version_of(NAMES, naming.model(NAMES, 12)) == 12
    assert naming.version_of(NAMES, "lakecast-prod-boosting-12") is None
    assert naming.version_of(NAMES, "lakecast-dev-forecast-v12") is None


def test_a_version_is_served_by_its_package():
    found = servable.of_version(NAMES, version(3))
    assert found.model == "lakecast-prod-forecast-v3"
    assert (found.version, found.training_job) == (3, None)
    assert found.categories == METADATA["categories"]
    with pytest.raises(ForecastingError, match=r"version 3 .* does not say where its index"):
        servable.of_version(NAMES, version(3, categories=""))


class Account:
    """Step Functions and SageMaker: executions that appear and end look by look."""

    def __init__(self, *looks, cause=""):
        self._looks, self._cause = list(looks), cause
        self.slept = 0.0

    def client(self, service):
        return self

    def list_executions(self, **request):
        look = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        return {"executions": [{"executionArn": arn, "status": look[arn]} for arn in look]}

    def describe_execution(self, executionArn):
        return {"status": "FAILED", "cause": self._cause}

    def describe_endpoint(self, EndpointName):
        return {"EndpointStatus": "Updating"}

    def sleep(self, seconds):
        self.slept += seconds


def follow(account):
    reported = []
    Rollout(account, NAMES, account.sleep).follow(reported.append)
    return reported


def test_a_rollout_is_followed_to_its_end_regardless_of_earlier_ones():
    old = {"old": "FAILED"}
    running = old | {"new": "RUNNING"}
    account = Account(old, old, running, running, old | {"new": "SUCCEEDED"})
    assert follow(account) == ["Updating"] * 3


def test_the_end_of_all_rollouts_is_awaited():
    one = {"first": "SUCCEEDED", "second": "RUNNING"}
    assert follow(Account({}, one, {**one, "second": "SUCCEEDED"})) == ["Updating"]


def test_a_failed_rollout_says_why():
    account = Account({}, {"new": "FAILED"}, cause="Version 3 did not come into service: no ping")
    with pytest.raises(ForecastingError, match=r"the rollout failed: Version 3 .* no ping"):
        follow(account)


def test_a_rollout_that_does_not_start_is_not_waited_for_for_ever():
    account = Account({"old": "SUCCEEDED"})
    with pytest.raises(ForecastingError, match="no rollout was started within 60 s"):
        follow(account)
    assert 60 <= account.slept < 120


def test_a_started_rollout_is_followed_regardless_of_others():
    class Own(Account):
        given = None

        def start_execution(self, stateMachineArn, input):
            self.given = json.loads(input)
            return {"executionArn": "own"}

        def describe_execution(self, executionArn):
            return {"executionArn": executionArn, "status": "SUCCEEDED"}

    account = Own({}, {"others": "FAILED"})
    rollout = Rollout(account, NAMES, account.sleep)
    rollout.start()
    rollout.follow(lambda _: None)
    assert account.given == {}
    rollout.start(rejected=7)
    assert account.given["detail"] == {"ModelApprovalStatus": "Rejected", "ModelPackageVersion": 7}


def test_an_interrupted_wait_says_that_the_rollout_continues():
    class Impatient(Account):
        def sleep(self, seconds):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="the same command follows it again"):
        follow(Impatient({}, {"new": "RUNNING"}))


def test_without_the_estate_there_is_no_rollout():
    class NoMachine(Account):
        def list_executions(self, **request):
            raise ClientError({"Error": {"Code": "StateMachineDoesNotExist"}}, "ListExecutions")

    with pytest.raises(ForecastingError, match=r"run `make plan` and `make apply` first"):
        Rollout(NoMachine({}), NAMES)


@pytest.mark.parametrize("text", ["three", "", "3.5", "-1"])
def test_a_version_is_a_number(text, capsys):
    assert main(["models", "approve", f"--version={text}"]) == 2
    assert "expected a version such as 3" in capsys.readouterr().err
