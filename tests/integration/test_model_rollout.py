"""Approval deploys: the estate's own rule and state machine, with models that are tiny."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from typing import Any

import part_of_estate
import pytest
from conftest import session_of
from sagemaker_testbed import IMAGE, Studio, cloud_with_tiny_containers, until

from contracts import releases
from contracts.names import Names


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    home = tmp_path_factory.mktemp("rollout")
    with (
        cloud_with_tiny_containers(home / "cloud") as cloud,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in {**cloud.env, "LAKECAST_ENV": "local"}.items():
            patch.setenv(name, value)
        names = Names.from_aws(session_of(cloud), "local")
        part_of_estate.apply(names, home / "terraform", ("rollout_", "sagemaker_"))
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

    def register(self, label: str, status: str = "PendingManualApproval", **content: str) -> int:
        """A version of a model that says its label when asked."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            data = json.dumps({"name": label, **content}).encode()
            member = tarfile.TarInfo("model.json")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        bucket, key = self.names.bucket("models"), f"training/{label}/output/model.tar.gz"
        self.studio.s3.put_object(Bucket=bucket, Key=key, Body=archive.getvalue())
        made = self.studio.sagemaker.create_model_package(
            ModelPackageGroupName=self.names.model_package_group,
            ModelApprovalStatus=status,
            InferenceSpecification={
                "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/{key}"}]
            },
        )
        return int(made["ModelPackageArn"].rpartition("/")[2])

    def judge(self, status: str, *versions: int) -> list[dict[str, Any]]:
        """Approve or reject versions at once, and what the rollouts came to that this started."""
        before = self._executions()
        group = f"{self.names.model_package_group}"
        for version in versions:
            self.studio.sagemaker.update_model_package(
                ModelPackageArn=(
                    f"arn:aws:sagemaker:{self.names.region}:{self.names.account_id}:"
                    f"model-package/{group}/{version}"
                ),
                ModelApprovalStatus=status,
            )
        return self.ended(before, len(versions))

    def ended(self, before: set[str], count: int) -> list[dict[str, Any]]:
        def all_ended() -> list[dict[str, Any]] | None:
            found = [
                self._states.describe_execution(executionArn=arn)
                for arn in self._executions() - before
            ]
            running = [one for one in found if one["status"] == "RUNNING"]
            return None if running or len(found) < count else found

        ended: list[dict[str, Any]] = until(all_ended, "the end of the rollout")
        return ended

    def _executions(self) -> set[str]:
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
def first(estate: Estate) -> int:
    """A version that serves."""
    version = estate.register("first")
    assert statuses(estate.judge("Approved", version)) == ["SUCCEEDED"]
    return version


def test_the_first_approved_version_makes_the_endpoint(estate: Estate, first: int) -> None:
    assert estate.answers() == "first"
    endpoint = estate.studio.endpoint(estate.names.endpoint)
    expected = releases.configuration_name(estate.names, first, "ml.m5.large", 1)
    assert endpoint["EndpointConfigName"] == expected
    tags = estate.studio.sagemaker.list_tags(ResourceArn=endpoint["EndpointArn"])["Tags"]
    assert {"Key": "project", "Value": "lakecast"} in tags
    assert estate.alarms() == []


def test_approval_deploys_and_rejection_of_what_is_live_rolls_back(
    estate: Estate, first: int
) -> None:
    second = estate.register("second")
    assert estate.answers() == "first", "nobody has approved the second"
    assert statuses(estate.judge("Approved", second)) == ["SUCCEEDED"]
    assert estate.answers() == "second"
    assert statuses(estate.judge("Approved", second)) == ["SUCCEEDED"], "an event may come twice"
    assert statuses(estate.judge("Rejected", second)) == ["SUCCEEDED"]
    assert estate.answers() == "first"
    assert estate.alarms() == []


def test_a_model_that_does_not_serve_leaves_the_old_one_and_raises_an_alarm(
    estate: Estate, first: int
) -> None:
    broken = estate.register("broken", serve="die")
    (failed,) = estate.judge("Approved", broken)
    assert (failed["status"], failed["error"]) == ("FAILED", "RolloutFailed")
    assert estate.answers() == "first"
    (message,) = estate.alarms()
    assert message.startswith(f"Version {broken} did not come into service: ")
    assert f"lakecast-local-forecast is InService with lakecast-local-forecast-v{first}-" in message
    assert "make models ENV=local" in message
    assert message.endswith(failed["executionArn"])
    assert statuses(estate.judge("Rejected", broken)) == ["SUCCEEDED"]
    assert estate.alarms() == []


def test_versions_approved_at_once_end_with_the_newest(estate: Estate, first: int) -> None:
    versions = [estate.register(label) for label in ("third", "fourth")]
    assert statuses(estate.judge("Approved", *versions)) == ["SUCCEEDED", "SUCCEEDED"]
    assert estate.answers() == "fourth"
    assert statuses(estate.judge("Rejected", *versions)) == ["SUCCEEDED", "SUCCEEDED"]
    assert estate.answers() == "first"
    assert estate.alarms() == []


def test_a_comparison_lasts_until_one_of_its_models_is_rejected(estate: Estate, first: int) -> None:
    """Somebody else's candidate being turned down is no reason to end it."""
    challenger = estate.register("challenger")
    estate.judge("Approved", challenger)
    name = releases.model_name(estate.names, challenger)
    both = estate.studio.config(
        f"{estate.names.endpoint}-both",
        champion=(releases.model_name(estate.names, first), 1.0),
        challenger=(name, 1.0),
    )
    estate.studio.updated(estate.names.endpoint, both)
    unfit = estate.register("unfit")
    assert statuses(estate.judge("Rejected", unfit)) == ["SUCCEEDED"]
    assert estate.studio.endpoint(estate.names.endpoint)["EndpointConfigName"] == both
    assert statuses(estate.judge("Rejected", challenger)) == ["SUCCEEDED"]
    variants = estate.studio.endpoint(estate.names.endpoint)["ProductionVariants"]
    assert [one["VariantName"] for one in variants] == ["champion"]
    assert estate.answers() == "first"


def test_the_last_approved_version_goes_on_serving_when_it_is_rejected(
    estate: Estate, first: int
) -> None:
    assert statuses(estate.judge("Rejected", first)) == ["FAILED"]
    assert estate.answers() == "first"
    (message,) = estate.alarms()
    assert "no other version is approved to go back to" in message
