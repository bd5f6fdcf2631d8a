"""Tests of the model registry: groups, numbered versions, approval, and models from a version."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.support.models.sagemaker_testbed import (
    BUCKET,
    IMAGE,
    Studio,
)
from tests.support.waiting import until

MODEL = f"s3://{BUCKET}/archives/original/model.tar.gz"
CHANGE = "SageMaker Model Package State Change"


@pytest.fixture(scope="module")
def studio(studio: Studio) -> Studio:
    studio.model("original")  # uploads the archive that the packages refer to
    return studio


@pytest.fixture
def group(studio: Studio, request: pytest.FixtureRequest) -> str:
    name = request.node.name.replace("_", "-")[:60]
    studio.sagemaker.create_model_package_group(
        ModelPackageGroupName=name, ModelPackageGroupDescription="tests'"
    )
    return name


def register(studio: Studio, group: str, **changes: object) -> str:
    """Registers a new version and returns its ARN."""
    container = {"Image": IMAGE, "ModelDataUrl": MODEL, "Environment": {"GREETING": "hello"}}
    request = {
        "ModelPackageGroupName": group,
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        "CustomerMetadataProperties": {"commit": "abc"},
        **changes,
    }
    return studio.sagemaker.create_model_package(**request)["ModelPackageArn"]


def versions(studio: Studio, group: str, **filters: str) -> list[int]:
    listed = studio.sagemaker.list_model_packages(ModelPackageGroupName=group, **filters)
    return [one["ModelPackageVersion"] for one in listed["ModelPackageSummaryList"]]


def test_versions_count_up_and_wait_for_approval(studio: Studio, group: str) -> None:
    first, second = (register(studio, group) for _ in range(2))
    assert first.endswith(f":model-package/{group}/1")
    described = studio.sagemaker.describe_model_package(ModelPackageName=second)
    assert described["ModelPackageVersion"] == 2
    assert described["ModelPackageStatus"] == "Completed"
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["CustomerMetadataProperties"] == {"commit": "abc"}
    assert versions(studio, group) == [1, 2]
    assert versions(studio, group, SortOrder="Descending") == [2, 1]


def test_versions_are_described_at_once_and_those_that_are_missing_named(
    studio: Studio, group: str
) -> None:
    first, second = (register(studio, group) for _ in range(2))
    studio.sagemaker.update_model_package(ModelPackageArn=first, ModelApprovalStatus="Rejected")
    missing = first[:-1] + "9"
    found = studio.sagemaker.batch_describe_model_package(
        ModelPackageArnList=[first, second, missing]
    )
    statuses = {
        one["ModelPackageVersion"]: one["ModelApprovalStatus"]
        for one in found["ModelPackageSummaries"].values()
    }
    assert statuses == {1: "Rejected", 2: "PendingManualApproval"}
    assert list(found["BatchDescribeModelPackageErrorMap"]) == [missing]


def test_the_number_of_a_deleted_version_is_not_reused(studio: Studio, group: str) -> None:
    studio.sagemaker.delete_model_package(ModelPackageName=register(studio, group))
    assert register(studio, group).endswith("/2")


def test_approval_has_a_reason_and_can_be_filtered_by(studio: Studio, group: str) -> None:
    register(studio, group)
    chosen = register(studio, group)
    studio.sagemaker.update_model_package(
        ModelPackageArn=chosen,
        ModelApprovalStatus="Approved",
        ApprovalDescription="better on every pollutant",
        CustomerMetadataProperties={"gate": "passed"},
        CustomerMetadataPropertiesToRemove=["commit"],
    )
    described = studio.sagemaker.describe_model_package(ModelPackageName=chosen)
    assert described["ApprovalDescription"] == "better on every pollutant"
    assert described["CustomerMetadataProperties"] == {"gate": "passed"}
    assert versions(studio, group, ModelApprovalStatus="Approved") == [2]
    assert versions(studio, group, ModelApprovalStatus="PendingManualApproval") == [1]


def test_new_versions_and_approvals_emit_events(studio: Studio, group: str) -> None:
    events, sqs = studio.client("events"), studio.client("sqs")
    queue = sqs.create_queue(QueueName="registry")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": [CHANGE],
        "detail": {"ModelPackageGroupName": [group]},
    }
    events.put_rule(Name="registry", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="registry", Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])
    package = register(studio, group)
    studio.sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Rejected")
    studio.sagemaker.update_model_package(
        ModelPackageArn=package, CustomerMetadataProperties={"seen": "yes"}
    )
    emitted: list[dict] = []

    def all_three() -> bool:
        received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        emitted.extend(json.loads(one["Body"]) for one in received.get("Messages", []))
        return len(emitted) >= 3

    until(all_three, "three events")
    statuses = {one["detail"]["ModelApprovalStatus"] for one in emitted}
    assert statuses == {"PendingManualApproval", "Rejected"}
    assert all(one["resources"] == [package] for one in emitted)
    updated = [one["detail"].get("UpdatedModelPackageFields") for one in emitted]
    assert updated == [None, ["ModelApprovalStatus"], ["CustomerMetadataProperties"]]


def test_model_of_a_version_serves(studio: Studio, group: str) -> None:
    package = register(studio, group)
    studio.sagemaker.create_model(
        ModelName="of-package",
        ExecutionRoleArn=studio.role,
        PrimaryContainer={"ModelPackageName": package},
    )
    model = studio.sagemaker.describe_model(ModelName="of-package")["PrimaryContainer"]
    assert (model["ModelPackageName"], model["ModelDataUrl"]) == (package, MODEL)
    studio.config("of-package", all="of-package")
    assert studio.deployed("of-package", "of-package")["EndpointStatus"] == "InService"
    answer = studio.ask("of-package")
    assert (answer["model"], answer["greeting"]) == ("original", "hello")
    studio.deleted("of-package")


def test_a_group_with_versions_cannot_be_deleted(studio: Studio, group: str) -> None:
    package = register(studio, group)
    with pytest.raises(ClientError, match="still contains Model Packages"):
        studio.sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    studio.sagemaker.delete_model_package(ModelPackageName=package)
    studio.sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match=r"ModelPackageGroup .* does not exist"):
        studio.sagemaker.describe_model_package_group(ModelPackageGroupName=group)


def test_unknown_and_existing_names_are_refused(studio: Studio, group: str) -> None:
    with pytest.raises(ClientError, match="Cannot create already existing model package group"):
        studio.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match=r"ModelPackageGroup .* does not exist"):
        register(studio, "nobody")
    with pytest.raises(ClientError, match="does not exist"):
        studio.sagemaker.create_model(
            ModelName="m", ExecutionRoleArn=studio.role,
            PrimaryContainer={"ModelPackageName": f"{group}/9"},
        )  # fmt: skip
