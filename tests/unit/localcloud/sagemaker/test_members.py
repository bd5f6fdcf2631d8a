"""Tests that no member of a request is ignored: each one is used, stored or refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.model import Shape

import localcloud.services.sagemaker as package
from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.aws_shapes import service_model
from localcloud.cloud.member_classes import KINDS, REFUSED
from localcloud.services.sagemaker.endpoints.runtime import HEADERS
from localcloud.services.sagemaker.members import classes
from tests.support.models.sagemaker_requests import at, members, value, with_member
from tests.support.models.sagemaker_service import ACCOUNT, REGION, ROLE, Service
from tests.unit.contracts.models.test_requests import REQUESTS

MODEL = service_model("sagemaker")
CLASSES = classes()
OPERATIONS = sorted(CLASSES.tables)

_CHANNEL = {
    "ChannelName": "train",
    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/key"}},
}
_TRAINING: dict[str, Any] = {
    "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
    "RoleArn": ROLE,
    "InputDataConfig": [_CHANNEL],
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/key"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
_FOLDER = {"S3Uri": "s3://bucket/key", "LocalPath": "/opt/ml/processing/folder"}
_RANGE = {"Name": "rounds", "MinValue": "1", "MaxValue": "9"}
_CONTAINERS = {"Containers": [{"Image": "image:1"}]}

# Valid requests whose unlisted members are generated.
VALID: dict[str, dict[str, Any]] = {
    "CreateTrainingJob": {"TrainingJobName": "job", **_TRAINING},
    "CreateProcessingJob": {
        "ProcessingJobName": "job",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": "image:1"},
        "ProcessingInputs": [{"InputName": "in", "S3Input": {**_FOLDER, "S3DataType": "S3Prefix"}}],
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "out", "S3Output": {**_FOLDER, "S3UploadMode": "EndOfJob"}}]
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
            }
        },
    },
    "CreateTransformJob": {
        "TransformJobName": "job",
        "ModelName": "model",
        "TransformInput": {"DataSource": {"S3DataSource": _CHANNEL["DataSource"]["S3DataSource"]}},
        "TransformOutput": {"S3OutputPath": "s3://bucket/key"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    },
    "CreateHyperParameterTuningJob": {
        "HyperParameterTuningJobName": "job",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"IntegerParameterRanges": [_RANGE]},
        },
        "TrainingJobDefinition": _TRAINING,
    },
    "CreateModelPackageGroup": {"ModelPackageGroupName": "new"},
    "CreateModelPackage": {
        "ModelPackageGroupName": "group",
        "InferenceSpecification": _CONTAINERS,
        "AdditionalInferenceSpecifications": [{"Name": "other", **_CONTAINERS}],
    },
    "UpdateModelPackage": {
        "ModelPackageArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/group/1",
        "InferenceSpecification": _CONTAINERS,
        "AdditionalInferenceSpecificationsToAdd": [{"Name": "third", **_CONTAINERS}],
    },
    "CreateModel": {"ModelName": "new", "PrimaryContainer": {"Image": "image:1"}},
    "CreateEndpointConfig": {
        "EndpointConfigName": "config",
        "ProductionVariants": [
            {
                "VariantName": "all",
                "ModelName": "model",
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }
        ],
        "DataCaptureConfig": {
            "EnableCapture": False,
            "InitialSamplingPercentage": 1,
            "DestinationS3Uri": "s3://bucket/key",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        },
    },
    "CreateEndpoint": {"EndpointName": "endpoint", "EndpointConfigName": "config"},
    "UpdateEndpoint": {"EndpointName": "endpoint", "EndpointConfigName": "config"},
    "DescribeModelPackage": {"ModelPackageName": "group/1"},
    "ListTrainingJobsForHyperParameterTuningJob": {"HyperParameterTuningJobName": "job"},
    "UpdateEndpointWeightsAndCapacities": {
        "EndpointName": "endpoint",
        "DesiredWeightsAndCapacities": [{"VariantName": "all", "DesiredWeight": 1.0}],
    },
    "ListTags": {"ResourceArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/model"},
}


def shape_of(operation: str) -> Shape:
    shape: Shape = MODEL.operation_model(operation).input_shape
    return shape


def classified(*kinds: str) -> Iterator[tuple[str, str, Shape]]:
    """Yields operation, path and shape of each member with one of the classes."""
    for operation in OPERATIONS:
        for path, shape in members(shape_of(operation)):
            if CLASSES.find(operation, path)[0] in kinds:
                yield operation, path, shape


# --- the tables ---


def test_every_operation_of_the_service_has_a_table(service: Service) -> None:
    assert [one for one in MODEL.operation_names if service.serves(one)] == OPERATIONS


def test_every_member_has_a_class() -> None:
    found = [
        CLASSES.find(operation, path)[0]
        for operation in OPERATIONS
        for path, _ in members(shape_of(operation))
    ]
    assert set(found) == {*KINDS, REFUSED}
    assert len(found) > 1000


def test_members_of_class_used_occur_in_the_services_code() -> None:
    folder = Path(package.__file__).parent
    code = "\n".join(path.read_text() for path in folder.rglob("*.py"))
    names = {
        path.rpartition(".")[2]
        for operation, path, _ in classified("used")
        if len(CLASSES.find(operation, path)[1] or "several") > 1  # one value needs no code
    }
    # `jobs` and `listing` make these from parts
    made = re.compile(r"\w+JobName|(CreationTime|LastModifiedTime)(After|Before)|\w+ToAdd")
    # keys and values of maps and lists that are used as a whole
    parts = {"Key", "Value", "Values"}
    unused = [
        name
        for name in sorted(names - parts)
        if not made.fullmatch(name) and f'"{name}"' not in code and f"['{name}']" not in code
    ]
    assert unused == []


# --- refused members ---


@pytest.mark.parametrize("operation", OPERATIONS)
def test_refused_members_are_refused_by_name(service: Service, operation: str) -> None:
    shape = shape_of(operation)
    for path, member in members(shape):
        kind, only = CLASSES.find(operation, path)
        others = [one for one in _alternatives(member) if only is not None and one not in only]
        for given in [value(member)] if kind == REFUSED else others:
            request = with_member(shape, VALID.get(operation, {}), path, given)
            with pytest.raises(AwsError, match=f"does not support .* in {operation}") as error:
                service.call(operation, request)
            assert error.value.code == "ValidationException"
            assert path in re.split(", | ", error.value.message)


def _alternatives(shape: Shape) -> list[Any]:
    if getattr(shape, "enum", None):
        return list(shape.enum)
    return [True] if shape.type_name == "boolean" else [7]


def test_empty_structures_are_refused_unless_a_member_of_theirs_is_supported() -> None:
    shape = shape_of("CreateModel")
    CLASSES.check("CreateModel", shape, {"PrimaryContainer": {}})
    with pytest.raises(AwsError, match=r"PrimaryContainer\.ContainerMetricsConfig"):
        CLASSES.check("CreateModel", shape, {"PrimaryContainer": {"ContainerMetricsConfig": {}}})


# --- stored members ---


@pytest.mark.parametrize(
    ("operation", "describe", "names"),
    [
        ("CreateTrainingJob", "DescribeTrainingJob", {"TrainingJobName": "job"}),
        ("CreateProcessingJob", "DescribeProcessingJob", {"ProcessingJobName": "job"}),
        ("CreateTransformJob", "DescribeTransformJob", {"TransformJobName": "job"}),
        (
            "CreateHyperParameterTuningJob",
            "DescribeHyperParameterTuningJob",
            {"HyperParameterTuningJobName": "job"},
        ),
        (
            "CreateModelPackageGroup",
            "DescribeModelPackageGroup",
            {"ModelPackageGroupName": "new"},
        ),
        ("CreateModelPackage", "DescribeModelPackage", {}),
        ("UpdateModelPackage", "DescribeModelPackage", {}),
        ("CreateModel", "DescribeModel", {"ModelName": "new"}),
        ("CreateEndpointConfig", "DescribeEndpointConfig", {"EndpointConfigName": "config"}),
    ],
)
def test_stored_members_come_back(
    service: Service, operation: str, describe: str, names: dict[str, str]
) -> None:
    shape, request = shape_of(operation), VALID[operation]
    if operation == "UpdateModelPackage":
        created = service.call("CreateModelPackage", VALID["CreateModelPackage"])
        request = {**request, **created}
    stored = {
        path: value(member)
        for of_operation, path, member in classified("stored", "infrastructure")
        if of_operation == operation and not path.startswith("Containers.")
    }
    for path, given in stored.items():
        request = with_member(shape, request, path, given)
    response = service.call(operation, request)
    if not names:
        names = {"ModelPackageName": response["ModelPackageArn"]}
    described = service.call(describe, names)
    added = described.get("AdditionalInferenceSpecifications", [])
    described["AdditionalInferenceSpecificationsToAdd"] = added[1:]
    assert stored
    assert {path: at(described, path) for path in stored} == stored


def test_only_these_operations_store_members() -> None:
    """`test_stored_members_come_back` has all operations with stored members."""
    operations = {operation for operation, _, _ in classified("stored", "infrastructure")}
    assert operations == {
        "CreateEndpointConfig",
        "CreateHyperParameterTuningJob",
        "CreateModel",
        "CreateModelPackage",
        "CreateModelPackageGroup",
        "CreateProcessingJob",
        "CreateTrainingJob",
        "CreateTransformJob",
        "UpdateModelPackage",
    }


# --- the estate ---


@pytest.mark.parametrize("operation", REQUESTS)
def test_requests_of_the_estate_are_supported(operation: str) -> None:
    request = json.loads(json.dumps(REQUESTS[operation]).replace('"Auto"', '"Off"'))
    if operation == "CreateHyperParameterTuningJob":
        ranges = request["HyperParameterTuningJobConfig"]["ParameterRanges"]
        ranges["ContinuousParameterRanges"][0]["ScalingType"] = "Auto"
    CLASSES.check(operation, shape_of(operation), request)


def test_operation_that_is_not_served_is_refused_by_name(service: Service) -> None:
    with pytest.raises(AwsError, match="the local cloud does not support sagemaker:Search"):
        service.call("Search", {"Resource": "TrainingJob"})


def test_every_header_of_an_invocation_is_served_or_refused() -> None:
    operation = service_model("sagemaker-runtime").operation_model("InvokeEndpoint")
    headers = {
        member.serialization["name"].lower()
        for member in operation.input_shape.members.values()
        if member.serialization.get("location") == "header"
    }
    assert headers == HEADERS
