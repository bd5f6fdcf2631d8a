"""Deployment: what is asked for as a release, and what is served checked against it."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError
from forecasting.errors import ForecastingError
from forecasting.releases import deployment, servable
from forecasting.releases.deployment import Variant
from forecasting.releases.registry import Version

from contracts.models import releases
from contracts.names import Names
from tests.support.settings import changed

NAMES = Names("local", "000000000000", "eu-west-1")
SETTINGS = changed("local", {"forecast": {"endpoint": {"instance_type": "ml.m5.large"}}})
OLD, NEW = Variant("champion", "job-1"), Variant("champion", "job-2")


class Account:
    """S3 and SageMaker as far as a deployment uses them; jobs are ``…job-…``, all completed."""

    def __init__(self, categories='{"devices": ["a"], "pollutants": ["ozone"]}'):
        self.objects = {
            "channels/categories.json": categories,
            "training/job-1/categories.json": '{"devices":["a"],"pollutants":["ozone"]}',
            "training/job-2/categories.json": '{"devices":["a"],"pollutants":["ozone"]}',
        }
        self.calls, self.jobs, self.approved = [], [], []
        self.item = None  # in the table of releases
        self.served = None  # the release behind the endpoint
        self.weights, self.models = {}, {}  # where they are others than the release says
        self.replaced = None  # a release that takes this one's place
        self.fails = ""
        self.rolls_back = False

    def client(self, service):
        return self

    def get_object(self, Bucket, Key):
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key].encode())}

    def describe_training_job(self, TrainingJobName):
        if TrainingJobName not in self.jobs and not TrainingJobName.startswith("job-"):
            raise missing("DescribeTrainingJob")
        status = "Failed" if TrainingJobName == "job-failed" else "Completed"
        return {
            "TrainingJobStatus": status,
            "AlgorithmSpecification": {"TrainingImage": "image"},
            "ModelArtifacts": {"S3ModelArtifacts": f"s3://models/{TrainingJobName}/model.tar.gz"},
        }

    def get_paginator(self, operation):
        assert operation == "list_training_jobs"
        return self

    def paginate(self, **filters):
        found = [{"TrainingJobName": name} for name in reversed(self.jobs)]
        return [{"TrainingJobSummaries": found}]

    def describe_model_package(self, ModelPackageName):
        number = int(ModelPackageName.rpartition("/")[2])
        if number > 3:
            raise missing("DescribeModelPackage")
        return {
            "ModelPackageVersion": number,
            "ModelPackageArn": ModelPackageName,
            "ModelApprovalStatus": "Rejected" if number == 1 else "PendingManualApproval",
            "CreationTime": datetime(2026, 7, 1, tzinfo=UTC),
            "CustomerMetadataProperties": {
                "categories": "s3://models/training/job-1/categories.json"
            },
        }

    def list_model_packages(self, **filters):
        assert filters["ModelApprovalStatus"] == "Approved"
        return {"ModelPackageSummaryList": [{"ModelPackageVersion": one} for one in self.approved]}

    def get_item(self, TableName, Key, ConsistentRead):
        assert (TableName, Key) == (NAMES.releases_table, {"workload": {"S": "forecast"}})
        return {"Item": self.item} if self.item else {}

    def put_item(self, TableName, Item):
        self.calls.append("write")
        self.item = Item

    def list_executions(self, **request):
        return {"executions": []}

    def start_execution(self, stateMachineArn, input):
        """The rollout, which does at once what it would do in some minutes."""
        assert (stateMachineArn.rpartition(":")[2], input) == (NAMES.rollout_machine, "{}")
        self.calls.append("start")
        if not self.fails and not self.rolls_back:
            self.served = self.replaced or releases.read(NAMES, self.pinned())
        return {"executionArn": "execution"}

    def describe_execution(self, executionArn):
        status = "FAILED" if self.fails else "SUCCEEDED"
        return {"executionArn": executionArn, "status": status, "cause": self.fails}

    def pinned(self):
        """The release document in plain values."""
        document = TypeDeserializer().deserialize({"M": self.item})
        return json.loads(
            json.dumps(document, default=lambda n: int(n) if n == int(n) else float(n))
        )

    def describe_endpoint(self, EndpointName):
        if self.served is None:
            raise missing("DescribeEndpoint")
        return {
            "EndpointStatus": "InService",
            "EndpointConfigName": self.served.configuration,
            "FailureReason": "The variant did not pass the ping health check",
            "ProductionVariants": [
                {"VariantName": one.name, "CurrentWeight": self.weights.get(one.name, one.weight)}
                for one in self.served.variants
            ],
        }

    def describe_endpoint_config(self, EndpointConfigName):
        assert EndpointConfigName == self.served.configuration
        return {
            "ProductionVariants": [
                {"VariantName": one.name, "ModelName": self.models.get(one.name, one.model)}
                for one in self.served.variants
            ]
        }


def missing(operation):
    error = {"Code": "ValidationException", "Message": "Could not find it"}
    return ClientError({"Error": error}, operation)


def deploy(account, *variants):
    return deployment.deploy(
        account, NAMES, SETTINGS, variants, report=lambda _: None, sleep=lambda _: None
    )


def test_a_deployment_writes_the_release_and_starts_the_rollout():
    account = Account()
    account.approved = [3]
    done = deploy(account, OLD)
    assert account.calls == ["write", "start"]
    assert not done.was_there
    document = account.pinned()
    assert document["variants"] == [
        {"name": "champion", "model": "job-1", "weight": 1, "training_job": "job-1"}
    ]
    assert (document["instance_type"], document["instance_count"]) == ("ml.m5.large", 1)
    assert document["configuration"] == done.release.configuration
    assert document["newest_approved"] == 3


def test_repeating_a_deployment_changes_nothing():
    account = Account()
    deploy(account, OLD)
    again = deploy(account, OLD)
    assert again.was_there
    assert account.calls == ["write", "start", "start"], "the rollout is followed once more"


def test_another_model_is_another_release():
    account = Account()
    deploy(account, OLD)
    done = deploy(account, NEW)
    assert account.calls == ["write", "start"] * 2
    assert account.served == done.release


def test_a_release_is_written_again_once_a_newer_version_is_approved():
    account = Account()
    deploy(account, OLD)
    account.approved = [4]
    deploy(account, OLD)
    assert account.calls == ["write", "start"] * 2
    assert account.pinned()["newest_approved"] == 4


def test_a_document_that_is_no_release_is_replaced():
    account = Account()
    account.item = {"workload": {"S": "forecast"}, "format": {"N": "9"}}
    deploy(account, OLD)
    assert account.calls == ["write", "start"]


def test_several_variants_share_one_endpoint_by_weight():
    account = Account()
    deploy(account, Variant("champion", "job-1", 9), Variant("challenger", "job-2", 0.1))
    weights = {one["name"]: one["weight"] for one in account.pinned()["variants"]}
    assert weights == {"champion": 9, "challenger": 0.1}


def test_algorithms_and_versions_are_compared_by_their_names():
    """An algorithm stands for its newest model, ``v3`` for a version of the registry."""
    account = Account()
    account.jobs = [f"lakecast-local-{name}" for name in ("boosting-1", "boosting-2", "deepar-1")]
    index = account.objects["channels/categories.json"]
    account.objects |= {f"training/{job}/categories.json": index for job in account.jobs}
    done = deploy(
        account,
        Variant("champion", "v3", 8),
        Variant("second", "boosting", 1),
        Variant("third", "deepar", 1),
    )
    served = ["lakecast-local-forecast-v3", "lakecast-local-boosting-2", "lakecast-local-deepar-1"]
    assert [one["model"] for one in account.pinned()["variants"]] == served
    assert [one.model for one in done.release.variants] == served
    assert done.release.versions == (3,)
    with pytest.raises(ForecastingError, match="there is no version 4"):
        deploy(account, Variant("champion", "v4"))


def test_a_rejected_version_is_not_deployed():
    account = Account()
    with pytest.raises(ForecastingError, match=r"version 1 is rejected.*make approve VERSION=1"):
        deploy(account, Variant("champion", "v1"))
    assert account.calls == []


def test_without_the_estate_nothing_is_deployed():
    class NoGroup(Account):
        def list_model_packages(self, **filters):
            raise missing("ListModelPackages")

    account = NoGroup()
    with pytest.raises(ForecastingError, match=r"no model package group .*run `make plan` and `m"):
        deploy(account, OLD)
    assert account.calls == []


def test_a_silent_rollback_is_an_error():
    """AWS rolls back and is InService again, which a mere wait takes for success."""
    account = Account()
    deploy(account, OLD)
    account.rolls_back = True
    with pytest.raises(ForecastingError, match="did not pass the ping health check"):
        deploy(account, NEW)


def test_a_failed_rollout_says_why():
    account = Account()
    account.fails = "The release of champion (job-1) did not come into service"
    with pytest.raises(ForecastingError, match="the rollout failed: The release of champion"):
        deploy(account, OLD)


def test_a_release_that_another_one_replaced_meanwhile_is_no_success():
    account = Account()
    account.replaced = deploy(Account(), NEW).release
    with pytest.raises(ForecastingError, match="may have replaced it meanwhile"):
        deploy(account, OLD)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"weights": {"champion": 0.5}}, r"its weights are \{'champion': 0.5\}"),
        ({"models": {"champion": "other"}}, r"its configuration has the variants .*other"),
    ],
)
def test_the_served_release_is_compared_with_the_requested_one(changes, complaint):
    account = Account()
    vars(account).update(changes)
    with pytest.raises(ForecastingError, match=complaint):
        deploy(account, OLD)


def test_a_model_of_other_categories_than_the_lakes_is_refused():
    account = Account(categories='{"devices": ["0", "a"], "pollutants": ["ozone"]}')
    with pytest.raises(ForecastingError, match=r"other devices.*run `make train` first"):
        deploy(account, OLD)
    assert account.calls == []


@pytest.mark.parametrize("categories", ["", "unknown", "s3://models", "s3:///key"])
def test_a_version_without_the_uri_of_its_categories_is_not_deployed(categories):
    metadata = {"categories": categories} if categories else {}
    version = Version(3, "arn", "Approved", datetime(2026, 7, 1, tzinfo=UTC), "", metadata)
    with pytest.raises(ForecastingError, match=r"version 3 .* not registered by `make retrain`"):
        servable.of_version(NAMES, version)


def test_a_model_keeps_serving_when_the_lake_has_more_devices():
    account = Account(categories='{"devices": ["a", "b"], "pollutants": ["ozone"]}')
    deploy(account, OLD)
    assert account.served is not None


@pytest.mark.parametrize(
    ("job", "complaint"),
    [("job-failed", "is Failed"), ("unknown", "Could not find")],
)
def test_a_job_without_a_model_is_refused(job, complaint):
    account = Account()
    account.objects[f"training/{job}/categories.json"] = json.dumps(
        {"devices": ["a"], "pollutants": ["ozone"]}
    )
    with pytest.raises(ForecastingError, match=complaint):
        deploy(account, Variant("champion", job))


def test_variants_need_names_of_their_own_and_some_weight():
    with pytest.raises(ForecastingError, match="its own name"):
        deploy(Account(), OLD, NEW)
    with pytest.raises(ForecastingError, match="weight above 0"):
        deploy(Account(), Variant("champion", "job-1", 0))


def test_a_variant_is_written_as_name_model_and_weight():
    assert Variant.parse("a=job-1:9") == Variant("a", "job-1", 9)
    assert Variant.parse("a=job-1") == Variant("a", "job-1", 1)


@pytest.mark.parametrize("text", ["job-1", "=job-1", "a=", "a=job:-1", "a=job:heavy", "a=job:nan"])
def test_a_variant_of_another_form_is_refused(text):
    with pytest.raises(ForecastingError, match="NAME=MODEL:WEIGHT"):
        Variant.parse(text)
