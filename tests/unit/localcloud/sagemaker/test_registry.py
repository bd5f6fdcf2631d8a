"""Tests of the model registry's rules, without a cloud."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.cloud.aws_api import AwsError
from tests.support.models.sagemaker_service import ACCOUNT, REGION, Service

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package"
TAGS = [{"Key": "a", "Value": "b"}]


def specification(image: str = "image:1", **container: Any) -> dict[str, Any]:
    return {"Containers": [{"Image": image, **container}]}


def register(service: Service, **changes: Any) -> str:
    """Registers a version, or a package without versions, and returns its ARN."""
    request = {
        "InferenceSpecification": specification(),
        **({} if "ModelPackageName" in changes else {"ModelPackageGroupName": "group"}),
        **changes,
    }
    arn: str = service.call("CreateModelPackage", request)["ModelPackageArn"]
    return arn


def listed(service: Service, **filters: Any) -> list[str]:
    found = service.call("ListModelPackages", filters)["ModelPackageSummaryList"]
    return [one["ModelPackageArn"] for one in found]


def test_version_has_no_name_and_a_package_without_versions_has_one(service: Service) -> None:
    version = service.call("DescribeModelPackage", {"ModelPackageName": register(service)})
    assert "ModelPackageName" not in version
    assert version["ModelPackageGroupName"] == "group"
    named = register(service, ModelPackageName="Named")
    package = service.call("DescribeModelPackage", {"ModelPackageName": "Named"})
    assert (package["ModelPackageName"], package["ModelPackageArn"]) == ("Named", named)
    assert listed(service) == [named]
    assert listed(service, NameContains="GROU", ModelPackageType="Both")[0].startswith(f"{ARN}/g")


def test_repeated_request_with_a_token_makes_no_second_version(service: Service) -> None:
    token = {"ClientToken": "first", "ModelPackageDescription": "one"}
    arn = register(service, **token)
    before = listed(service, ModelPackageType="Versioned", MaxResults=100)
    assert register(service, **token) == arn
    assert listed(service, ModelPackageType="Versioned", MaxResults=100) == before
    assert register(service, **{**token, "ClientToken": "second"}) != arn
    with pytest.raises(AwsError, match="ClientToken first was used in a CreateModelPackage"):
        register(service, **{**token, "ModelPackageDescription": "other"})


def test_repeated_update_with_a_token_changes_nothing(service: Service) -> None:
    arn = register(service)

    def update(**members: Any) -> None:
        service.call("UpdateModelPackage", {"ModelPackageArn": arn, **members})

    added = {"AdditionalInferenceSpecificationsToAdd": [{"Name": "fast", **specification()}]}
    for _ in range(2):
        update(ClientToken="add", **added)
    described = service.call("DescribeModelPackage", {"ModelPackageName": arn})
    assert described["AdditionalInferenceSpecifications"] == [{"Name": "fast", **specification()}]
    with pytest.raises(AwsError, match=r"with different names; got \['fast', 'fast'\]"):
        update(ClientToken="again", **added)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Tags": TAGS}, "A version cannot have Tags"),
        ({"ModelPackageName": "both", "ModelPackageGroupName": "group"}, "ModelPackageName and"),
        ({"ModelPackageName": "new", "ModelApprovalStatus": "Approved"}, "does not apply"),
    ],
)
def test_members_that_do_not_go_together_are_refused(
    service: Service, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(AwsError, match=reason):
        register(service, **changes)


def test_model_gets_the_specification_that_it_names(service: Service) -> None:
    additional = {"Name": "fast", **specification("image:2", Environment={"A": "1"})}
    package = register(service, AdditionalInferenceSpecifications=[additional])

    def image(name: str, **container: Any) -> str:
        container = {"ModelPackageName": package, **container}
        service.call("CreateModel", {"ModelName": name, "PrimaryContainer": container})
        described = service.call("DescribeModel", {"ModelName": name})
        found: str = described["PrimaryContainer"]["Image"]
        return found

    assert image("own") == "image:1"
    assert image("fast", InferenceSpecificationName="fast") == "image:2"
    with pytest.raises(AwsError, match="has no inference specification slow"):
        image("slow", InferenceSpecificationName="slow")
    with pytest.raises(AwsError, match="cannot be specified both at Model Package"):
        image("twice", InferenceSpecificationName="fast", Environment={"A": "2"})


def test_model_of_a_package_with_several_containers_is_refused(service: Service) -> None:
    several = {"Containers": [{"Image": "image:1"}, {"Image": "image:2"}]}
    package = register(service, InferenceSpecification=several)
    request = {"ModelName": "several", "PrimaryContainer": {"ModelPackageName": package}}
    with pytest.raises(AwsError, match="more than one container"):
        service.call("CreateModel", request)


def test_arns_of_groups_and_packages_are_those_of_this_region(service: Service) -> None:
    service.call("CreateModelPackageGroup", {"ModelPackageGroupName": "MixedCase"})
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/mixedcase"
    described = service.call("DescribeModelPackageGroup", {"ModelPackageGroupName": arn})
    assert described["ModelPackageGroupName"] == "MixedCase"
    for operation, name in (
        ("DescribeModelPackageGroup", arn.replace("package-group/m", "package-group/M")),
        ("DescribeModelPackageGroup", arn.replace(ACCOUNT, "111111111111")),
    ):
        with pytest.raises(AwsError, match="does not exist"):
            service.call(operation, {"ModelPackageGroupName": name})
    elsewhere = register(service).replace(REGION, "us-east-1")
    with pytest.raises(AwsError, match=f"ARN should be scoped to correct region: {REGION}"):
        service.call("DescribeModelPackage", {"ModelPackageName": elsewhere})
    with pytest.raises(AwsError, match=f"ARN should be scoped to correct region: {REGION}"):
        service.call(
            "ListModelPackages", {"ModelPackageGroupName": arn.replace(REGION, "us-east-1")}
        )
