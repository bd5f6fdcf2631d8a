"""The estate's rollout in a separate cloud: registry, releases, endpoint and alarms."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.lake.locations import CHANNELS
from contracts.models.forecast_input import CategoryIndex
from contracts.names import Names
from lakecast.__main__ import main
from tests.support import part_of_estate
from tests.support.models.sagemaker_testbed import IMAGE, Studio, cloud_with_tiny_containers
from tests.support.sessions import session_of
from tests.support.waiting import until

INDEX = CategoryIndex.of(["device-1"], ["ozone"])


@contextlib.contextmanager
def running(home: Path) -> Iterator[RolloutEstate]:
    """Starts a cloud with state machine, registry and table of releases, applied by Terraform."""
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
            {
                "data": ("key", "forecast_versions", "forecast_rollout_logs", "releases"),
                "pipeline": ("rollout_", "sagemaker_"),
            },
        )
        yield RolloutEstate(Studio(cloud), names)


class RolloutEstate:
    """The registry, the endpoint, and a queue that receives the alarms."""

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
        """Writes the lake's index of categories."""
        self.studio.s3.put_object(
            Bucket=self.names.bucket("models"),
            Key=f"{CHANNELS.prefix}categories.json",
            Body=index.to_json().encode(),
        )

    def run(self, command: str, *options: str) -> tuple[int, str]:
        """Runs ``lakecast models`` and returns its exit code and output."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main(["models", command, *options])
        return code, said.getvalue()

    def register(self, label: str, status: str = "PendingManualApproval", **content: str) -> int:
        """Registers a version of a model that answers with its label."""
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

    def deploy(self, *variants: str) -> tuple[int, str]:
        """Runs `make deploy` for variants and returns its exit code and output."""
        options = [word for one in variants for word in ("--variant", one)]
        return self.run("deploy", *options)

    def start(self) -> str:
        """Starts a rollout without following it, as a command does that is killed."""
        started = self._states.start_execution(stateMachineArn=self._machine, input="{}")
        arn: str = started["executionArn"]
        return arn

    def ended(self, execution: str) -> dict[str, Any]:
        """Returns an execution's description when it has ended."""

        def description() -> dict[str, Any] | None:
            found: dict[str, Any] = self._states.describe_execution(executionArn=execution)
            return None if found["status"] == "RUNNING" else found

        found: dict[str, Any] = until(description, "the end of the rollout")
        return found

    def judge(self, status: str, *versions: int) -> list[dict[str, Any]]:
        """Approves or rejects versions together, and returns the rollouts that this started."""
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
        """Returns the label of the model in service."""
        label: str = self.studio.ask(self.names.endpoint)["model"]
        return label

    def alarms(self) -> list[str]:
        """Returns the messages since the last call, with a blank for parts that vary."""
        received = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
        found = received.get("Messages", [])
        for one in found:
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=one["ReceiptHandle"])
        return [json.loads(one["Body"])["Message"] for one in found]
