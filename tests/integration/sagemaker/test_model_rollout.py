"""Approval deploys: the commands, the estate's own rule and state machine, and tiny models."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.lake.locations import CHANNELS
from contracts.models import naming, releases
from contracts.models.forecast_input import CategoryIndex
from contracts.names import Names
from lakecast.__main__ import main
from tests.support import part_of_estate
from tests.support.models.sagemaker_testbed import IMAGE, Studio, cloud_with_tiny_containers, until
from tests.support.sessions import session_of

INDEX = CategoryIndex.of(["device-1"], ["ozone"])


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    home = tmp_path_factory.mktemp("rollout")
    with (
        cloud_with_tiny_containers(home / "cloud") as cloud,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in {**cloud.env, "LAKECAST_ENV": "local", "COLUMNS": "200"}.items():
            patch.setenv(name, value)
        names = Names.from_aws(session_of(cloud), "local")
        part_of_estate.apply_stacks(
            names,
            home / "terraform",
            {"data": ("model_versions",), "pipeline": ("rollout_", "sagemaker_")},
        )
        yield Estate(Studio(cloud), names)


class Estate:
    """The registry, the endpoint, and a queue that hears the alarms."""

    def __init__(self, studio: Studio, names: Names) -> None:
        self.studio, self.names = studio, names
        self._machine = names.state_machine_arn(names.rollout_machine)
        self._states = studio.client("stepfunctions")
        studio.s3.create_bucket(
            Bucket=names.bucket("models"),
            CreateBucketConfiguration={"LocationConstraint": names.region},
        )
        self.know(INDEX)
        sns, self._sqs = studio.client("sns"), studio.client("sqs")
        topic = sns.create_topic(Name=names.alarm_topic)["TopicArn"]
        policy = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": "*",
        }
        self._queue = self._sqs.create_queue(
            QueueName="alarms", Attributes={"Policy": json.dumps({"Statement": [policy]})}
        )["QueueUrl"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=found["Attributes"]["QueueArn"])

    def know(self, index: CategoryIndex) -> None:
        """Let the lake have an index of categories."""
        self.studio.s3.put_object(
            Bucket=self.names.bucket("models"),
            Key=f"{CHANNELS.prefix}categories.json",
            Body=index.to_json().encode(),
        )

    def run(self, command: str, *options: str) -> tuple[int, str]:
        """A verb of models: its exit code, and what it said."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main(["models", command, *options])
        return code, said.getvalue()

    def register(self, label: str, status: str = "PendingManualApproval", **content: str) -> int:
        """A version of a model that says its label when asked."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            data = json.dumps({"name": label, **content}).encode()
            member = tarfile.TarInfo("model.json")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        bucket, folder = self.names.bucket("models"), f"training/{label}"
        key = f"{folder}/output/model.tar.gz"
        self.studio.s3.put_object(Bucket=bucket, Key=key, Body=archive.getvalue())
        categories = f"{folder}/categories.json"
        self.studio.s3.put_object(Bucket=bucket, Key=categories, Body=INDEX.to_json().encode())
        made = self.studio.sagemaker.create_model_package(
            ModelPackageGroupName=self.names.model_package_group,
            ModelApprovalStatus=status,
            InferenceSpecification={
                "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/{key}"}]
            },
            CustomerMetadataProperties={
                "algorithm": "boosting",
                "wql": "0.342",
                "categories": f"s3://{bucket}/{categories}",
            },
        )
        return int(made["ModelPackageArn"].rpartition("/")[2])

    def judge(self, status: str, *versions: int) -> list[dict[str, Any]]:
        """Approve or reject versions at once, and what the rollouts came to that this started."""
        before = self.executions()
        for version in versions:
            self.update(version, ModelApprovalStatus=status)

        def all_ended() -> list[dict[str, Any]] | None:
            found = [
                self._states.describe_execution(executionArn=arn)
                for arn in self.executions() - before
            ]
            running = any(one["status"] == "RUNNING" for one in found)
            return None if running or len(found) < len(versions) else found

        ended: list[dict[str, Any]] = until(all_ended, "the end of the rollout")
        return ended

    def update(self, version: int, **members: object) -> None:
        self.studio.sagemaker.update_model_package(
            ModelPackageArn=(
                f"arn:aws:sagemaker:{self.names.region}:{self.names.account_id}:model-package/"
                f"{self.names.model_package_group}/{version}"
            ),
            **members,
        )

    def executions(self) -> set[str]:
        listed = self._states.list_executions(stateMachineArn=self._machine)["executions"]
        return {one["executionArn"] for one in listed}

    def answers(self) -> str:
        """The label of the model that answers."""
        label: str = self.studio.ask(self.names.endpoint)["model"]
        return label

    def alarms(self) -> list[str]:
        """Messages since the last time, with a blank for what differs between runs."""
        received = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
        found = received.get("Messages", [])
        for one in found:
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=one["ReceiptHandle"])
        return [json.loads(one["Body"])["Message"] for one in found]


def statuses(executions: list[dict[str, Any]]) -> list[str]:
    return [one["status"] for one in executions]


@pytest.fixture(scope="module")
def too_early(estate: Estate) -> dict[str, tuple[int, str]]:
    """What the commands say while there is no version."""
    return {
        "models": estate.run("list"),
        "approve": estate.run("approve", "--version", "7"),
    }


@pytest.fixture(scope="module")
def never_served(estate: Estate, too_early: object) -> tuple[str, list[str]]:
    """An endpoint that failed with the first version: what was said, and the alarms."""
    version = estate.register("useless", serve="die")
    code, said = estate.run("approve", "--version", str(version))
    assert code == 1, said
    assert statuses(estate.judge("Rejected", version)) == ["SUCCEEDED"]
    return said, estate.alarms()


@pytest.fixture(scope="module")
def first(estate: Estate, never_served: object) -> int:
    """A version that serves."""
    version = estate.register("first")
    code, said = estate.run("approve", "--version", str(version))
    assert code == 0, said
    assert f"serves {naming.model(estate.names, version)} (100% of traffic)" in said
    return version


def test_commands_say_what_is_missing(too_early: dict[str, tuple[int, str]]) -> None:
    code, said = too_early["models"]
    assert code == 0
    assert said.splitlines() == [
        "no version of lakecast-local-forecast yet",
        "endpoint lakecast-local-forecast is not there",
        "next: make retrain",
    ]
    code, said = too_early["approve"]
    assert code == 1
    assert "there is no version 7 of lakecast-local-forecast; see `make models`" in said


def test_an_endpoint_that_never_served_says_why(never_served: tuple[str, list[str]]) -> None:
    said, alarms = never_served
    assert "the rollout failed: Version 1 did not come into service: " in said
    assert "lakecast-local-forecast is Failed with lakecast-local-forecast-v1-" in said
    (message,) = alarms
    assert "lakecast-local-forecast is Failed" in message


def test_an_approved_version_makes_the_endpoint_anew(estate: Estate, first: int) -> None:
    assert estate.answers() == "first"
    endpoint = estate.studio.endpoint(estate.names.endpoint)
    expected = releases.configuration_name(estate.names, first, "ml.m5.large", 1)
    assert endpoint["EndpointConfigName"] == expected
    tags = estate.studio.sagemaker.list_tags(ResourceArn=endpoint["EndpointArn"])["Tags"]
    assert {"Key": "project", "Value": "lakecast"} in tags
    assert estate.alarms() == []


def test_a_version_of_other_categories_than_the_lakes_is_not_approved(
    estate: Estate, first: int
) -> None:
    stranger = estate.register("stranger")
    estate.know(CategoryIndex.of(["device-0", "device-1"], ["ozone"]))
    code, said = estate.run("approve", "--version", str(stranger))
    estate.know(INDEX)
    assert code == 1
    assert f"other devices than those that version {stranger} was trained with" in said
    assert estate.answers() == "first"


def test_versions_approved_at_once_end_with_the_newest_and_go_back_one_by_one(
    estate: Estate, first: int
) -> None:
    second, third = estate.register("second"), estate.register("third")
    assert estate.answers() == "first", "nobody has approved the others"
    assert statuses(estate.judge("Approved", second, third)) == ["SUCCEEDED", "SUCCEEDED"]
    assert estate.answers() == "third"
    code, said = estate.run("approve", "--version", str(first))
    assert code == 1
    assert f"version {first} is not served, as a newer one is approved" in said
    code, said = estate.run("reject", "--version", str(third), "--reason", "bands too narrow")
    assert code == 0, said
    assert f"serves {naming.model(estate.names, second)} (100% of traffic)" in said
    assert estate.answers() == "second"
    assert "bands too narrow" in estate.run("list", "--version", f"v{third}")[1]
    assert statuses(estate.judge("Rejected", second)) == ["SUCCEEDED"]
    assert estate.answers() == "first"
    assert estate.alarms() == []


def test_a_model_that_does_not_serve_leaves_the_old_one_and_raises_an_alarm(
    estate: Estate, first: int
) -> None:
    broken = estate.register("broken", serve="die")
    code, said = estate.run("approve", "--version", str(broken))
    assert code == 1
    assert f"the rollout failed: Version {broken} did not come into service: " in said
    assert estate.answers() == "first"
    (message,) = estate.alarms()
    assert message.startswith(f"Version {broken} did not come into service: ")
    assert f"lakecast-local-forecast is InService with lakecast-local-forecast-v{first}-" in message
    assert "make models ENV=local" in message
    assert statuses(estate.judge("Rejected", broken)) == ["SUCCEEDED"]
    assert estate.alarms() == []


def test_a_comparison_lasts_until_one_of_its_models_is_rejected(estate: Estate, first: int) -> None:
    """Somebody else's candidate being turned down is no reason to end it."""
    challenger, unfit = estate.register("challenger"), estate.register("unfit")
    both = [f"champion=v{first}:9", f"challenger=v{challenger}:1"]
    options = [word for one in both for word in ("--variant", one)]
    code, said = estate.run("deploy", *options)
    assert code == 0, said
    before = estate.executions()
    estate.update(first, CustomerMetadataProperties={"seen_by": "a person"})
    assert estate.executions() == before, "nobody has judged anything"
    assert statuses(estate.judge("Rejected", unfit)) == ["SUCCEEDED"]
    listed = estate.run("list")[1]
    rows = {line.split()[2]: line for line in listed.splitlines() if line.startswith("▸")}
    assert rows[str(first)].startswith("▸ 90%")
    assert rows[str(challenger)].startswith("▸ 10%")
    assert estate.studio.ask(estate.names.endpoint, "challenger")["model"] == "challenger"
    assert statuses(estate.judge("Rejected", challenger)) == ["SUCCEEDED"]
    variants = estate.studio.endpoint(estate.names.endpoint)["ProductionVariants"]
    assert [one["VariantName"] for one in variants] == ["champion"]
    assert estate.answers() == "first"


def test_the_last_approved_version_goes_on_serving_when_it_is_rejected(
    estate: Estate, first: int
) -> None:
    code, said = estate.run("reject", "--version", str(first), "--reason", "out of date")
    assert code == 1
    assert "no other version is approved to go back to" in said
    assert estate.answers() == "first"
    (message,) = estate.alarms()
    assert message.split(" What is approved")[0] in " ".join(said.split())
