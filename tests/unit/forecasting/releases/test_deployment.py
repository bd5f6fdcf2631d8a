"""Releases: models, configurations and the endpoint."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError
from forecasting.errors import ForecastingError
from forecasting.releases import deployment
from forecasting.releases.deployment import Variant

from contracts.names import Names
from contracts.settings.schema import Endpoint
from tests.support.settings import changed

NAMES = Names("local", "000000000000", "eu-west-1")
SETTINGS = changed("local", {"endpoint": {"instance_type": "ml.m5.large"}})
OLD, NEW = Variant("champion", "job-1"), Variant("champion", "job-2")


class Account:
    """S3 and SageMaker as far as a deployment uses them; jobs are ``…job-…``, all completed."""

    def __init__(self, categories='{"devices": ["a"], "pollutants": ["ozone"]}'):
        self.objects = {
            "channels/categories.json": categories,
            "training/job-1/categories.json": '{"devices":["a"],"pollutants":["ozone"]}',
            "training/job-2/categories.json": '{"devices":["a"],"pollutants":["ozone"]}',
        }
        self.models, self.configurations, self.calls = {}, {}, []
        self.endpoint = None
        self.rolls_back = False
        self.statuses = []
        self.jobs = []

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
            "ModelApprovalStatus": "PendingManualApproval",
            "CreationTime": datetime(2026, 7, 1, tzinfo=UTC),
            "CustomerMetadataProperties": {
                "categories": "s3://models/training/job-1/categories.json"
            },
        }

    def describe_model(self, ModelName):
        return found(self.models, ModelName)

    def create_model(self, **request):
        self.models[request["ModelName"]] = request

    def describe_endpoint_config(self, EndpointConfigName):
        return found(self.configurations, EndpointConfigName)

    def create_endpoint_config(self, **request):
        self.configurations[request["EndpointConfigName"]] = request

    def describe_endpoint(self, EndpointName):
        if self.endpoint is None:
            raise missing("DescribeEndpoint")
        if self.statuses:
            self.endpoint["EndpointStatus"] = self.statuses.pop(0)
        return dict(self.endpoint)

    def create_endpoint(self, EndpointName, EndpointConfigName, Tags):
        self.calls.append("create")
        self.endpoint = {"EndpointStatus": "InService", "EndpointConfigName": EndpointConfigName}

    def update_endpoint(self, EndpointName, EndpointConfigName):
        self.calls.append("update")
        if self.rolls_back:
            self.endpoint["FailureReason"] = "The variant did not pass the ping health check"
        else:
            self.endpoint["EndpointConfigName"] = EndpointConfigName

    def delete_endpoint(self, EndpointName):
        self.calls.append("delete")
        self.endpoint = None


def missing(operation):
    error = {"Code": "ValidationException", "Message": "Could not find it"}
    return ClientError({"Error": error}, operation)


def found(things, name):
    if name not in things:
        raise missing("Describe")
    return things[name]


def deploy(account, *variants):
    return deployment.deploy(
        account, NAMES, SETTINGS, variants, report=lambda _: None, sleep=lambda _: None
    )


def test_the_first_deployment_creates_the_endpoint():
    account = Account()
    done = deploy(account, OLD)
    assert account.calls == ["create"]
    (configuration,) = account.configurations.values()
    (variant,) = configuration["ProductionVariants"]
    assert (variant["VariantName"], variant["ModelName"]) == ("champion", "job-1")
    assert account.models["job-1"]["PrimaryContainer"] == {
        "Image": "image",
        "ModelDataUrl": "s3://models/job-1/model.tar.gz",
    }
    assert done.configuration == account.endpoint["EndpointConfigName"]


def test_repeating_a_deployment_changes_nothing():
    account = Account()
    deploy(account, OLD)
    again = deploy(account, OLD)
    assert again.was_there
    assert account.calls == ["create"]


def test_another_model_updates_the_endpoint():
    account = Account()
    deploy(account, OLD)
    done = deploy(account, NEW)
    assert account.calls == ["create", "update"]
    assert account.endpoint["EndpointConfigName"] == done.configuration
    assert set(account.models) == {"job-1", "job-2"}


def test_several_variants_share_one_endpoint_by_weight():
    account = Account()
    deploy(account, Variant("champion", "job-1", 9), Variant("challenger", "job-2", 1))
    (configuration,) = account.configurations.values()
    weights = {
        one["VariantName"]: one["InitialVariantWeight"]
        for one in configuration["ProductionVariants"]
    }
    assert weights == {"champion": 9, "challenger": 1}


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
    (configuration,) = account.configurations.values()
    served = ["lakecast-local-forecast-v3", "lakecast-local-boosting-2", "lakecast-local-deepar-1"]
    assert [one["ModelName"] for one in configuration["ProductionVariants"]] == served
    assert [one.model for one in done.variants] == served
    package = account.models["lakecast-local-forecast-v3"]["PrimaryContainer"]["ModelPackageName"]
    assert package.endswith(":model-package/lakecast-local-forecast/3")
    with pytest.raises(ForecastingError, match="there is no version 4"):
        deploy(account, Variant("champion", "v4"))


def test_a_silent_rollback_is_an_error():
    """AWS rolls back and is InService again, which a mere wait takes for success."""
    account = Account()
    deploy(account, OLD)
    account.rolls_back = True
    with pytest.raises(ForecastingError, match="did not pass the ping health check"):
        deploy(account, NEW)


def test_an_endpoint_that_never_came_up_is_made_anew():
    account = Account()
    deploy(account, OLD)
    account.endpoint["EndpointStatus"] = "Failed"
    deploy(account, NEW)
    assert account.calls == ["create", "delete", "create"]


def test_a_change_under_way_is_waited_for():
    account = Account()
    deploy(account, OLD)
    account.statuses = ["Updating", "Updating", "InService"]
    deploy(account, NEW)
    assert account.calls == ["create", "update"]


def test_a_model_of_other_categories_than_the_lakes_is_refused():
    account = Account(categories='{"devices": ["0", "a"], "pollutants": ["ozone"]}')
    with pytest.raises(ForecastingError, match=r"other devices.*say `make train` first"):
        deploy(account, OLD)
    assert account.endpoint is None


def test_a_model_goes_on_serving_when_the_lake_has_more_devices():
    account = Account(categories='{"devices": ["a", "b"], "pollutants": ["ozone"]}')
    deploy(account, OLD)
    assert account.endpoint is not None


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


def test_configurations_are_named_by_what_is_in_them():
    def name(*variants, count=1):
        return deployment.configuration_name(
            NAMES,
            variants,
            Endpoint(instance_type="ml.m5.large", initial_instance_count=count, poll_seconds=1),
        )

    names = {name(OLD), name(NEW), name(OLD, count=2), name(OLD, Variant("b", "job-2"))}
    assert len(names) == 4
    assert name(OLD) == name(OLD)
    assert all(len(one) <= 63 for one in names)
