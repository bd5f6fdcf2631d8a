"""Requests to SageMaker: what AWS would refuse of them, and that expressions go where values do."""

from __future__ import annotations

import inspect
import re

import pytest

from contracts.models.requests import processing, serving, training, transform, tuning
from contracts.models.requests.parts import Instances, Owner
from contracts.models.requests.processing import ProcessingJob, processing_job
from contracts.models.requests.training import TrainingJob, training_job
from contracts.models.requests.transform import TransformJob, transform_job
from contracts.models.requests.tuning import Limits, Range, tuning_job
from contracts.names import Names
from localcloud.cloud.aws_shapes import request_violations
from tests.support.expressions import evaluate, is_expression

NAMES = Names("prod", "123456789012", "eu-west-1")
OWNER = Owner.of(NAMES, {"project": "lakecast", "cost-centre": "air"})
INSTANCES = Instances("ml.m5.large", 30, 3600)
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/lakecast-prod-boosting:0123"
TRAINING = TrainingJob(
    "lakecast-prod-boosting-1",
    {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    {"rounds": "30", "time_freq": "H"},
    {"train": "s3://models/channels/train/", "test": "s3://models/channels/test/"},
    "s3://models/training/",
)
LIMITS = Limits("test:RMSE", "Minimize", 9, 2, 3, "Auto")
RANGES = {
    "rounds": Range("integer", ("10", "600"), "Logarithmic"),
    "rate": Range("continuous", ("0.1", "0.5")),
    "kind": Range("categorical", ("a", "b")),
}
REQUESTS = {
    "CreateTrainingJob": training_job(TRAINING, OWNER, INSTANCES),
    "CreateHyperParameterTuningJob": tuning_job(TRAINING, LIMITS, RANGES, OWNER, INSTANCES),
    "CreateProcessingJob": processing_job(
        ProcessingJob(
            "job", IMAGE, ("judge",), {"in": "s3://models/a/"}, {"out": "s3://models/b/"}
        ),
        OWNER,
        INSTANCES,
    ),
    "CreateTransformJob": transform_job(
        TransformJob("job", "model", "s3://models/a/", "s3://models/b/", {"NAME": "value"}),
        OWNER,
        "ml.m5.large",
    ),
    "CreateModel": serving.model(
        "model", serving.of_artefact(IMAGE, "s3://models/model.tar.gz"), OWNER
    ),
    "CreateEndpointConfig": serving.endpoint_configuration(
        "configuration",
        evaluate(
            serving.variants_in_jsonata("$variants", "'ml.m5.large'", "2"),
            variants=[{"name": "champion", "model": "model", "weight": 1}],
        ),
        OWNER,
    ),
}


def test_the_request_of_every_builder_is_checked():
    builders = [
        one
        for module in (processing, serving, training, transform, tuning)
        for one in vars(module).values()
        if inspect.isfunction(one) and one.__module__ == module.__name__
    ]
    described = [re.match(r"Arguments of ``(\w+)``", one.__doc__ or "") for one in builders]
    assert {found[1] for found in described if found} == set(REQUESTS)


@pytest.mark.parametrize("operation", REQUESTS)
def test_aws_would_accept_the_request(operation):
    assert request_violations("sagemaker", operation, REQUESTS[operation]) == []


def test_a_version_of_the_registry_is_a_model_too():
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/lakecast-prod-forecast/3"
    request = serving.model("model", serving.of_version(arn), OWNER)
    assert request_violations("sagemaker", "CreateModel", request) == []


@pytest.mark.parametrize("operation", REQUESTS)
def test_every_request_is_tagged_and_what_it_writes_encrypted(operation):
    request = REQUESTS[operation]
    assert {"Key": "cost-centre", "Value": "air"} in request["Tags"]
    if "Job" in operation:
        assert "'KmsKeyId': 'alias/lakecast-prod-data'" in str(request)


def test_boto3_in_a_processing_job_knows_its_region():
    assert REQUESTS["CreateProcessingJob"]["Environment"] == {"AWS_DEFAULT_REGION": "eu-west-1"}


def test_a_line_of_a_transform_job_is_a_request_of_its_own():
    request = REQUESTS["CreateTransformJob"]  # DeepAR's container fails with several lines
    assert (request["BatchStrategy"], request["TransformInput"]["SplitType"]) == (
        "SingleRecord",
        "Line",
    )


def test_expressions_go_where_values_do():
    job = TrainingJob(
        "{% $name %}", "{% $how %}", "{% $hyper %}", {"train": "{% $uri %}"}, "s3://m/"
    )
    request = training_job(job, OWNER, INSTANCES)
    assert request["AlgorithmSpecification"] == "{% $how %}"
    assert request["HyperParameters"] == "{% $hyper %}"
    assert request_violations("sagemaker", "CreateTrainingJob", request, is_expression) == []


def test_a_hyperparameter_is_either_searched_or_the_same_in_each_trial():
    request = REQUESTS["CreateHyperParameterTuningJob"]
    static = request["TrainingJobDefinition"]["StaticHyperParameters"]
    assert static == {"time_freq": "H"}
    searched = request["HyperParameterTuningJobConfig"]["ParameterRanges"]
    assert [one["Name"] for ranges in searched.values() for one in ranges] == list(RANGES)


@pytest.mark.parametrize(
    ("operation", "changed", "violation"),
    [
        ("CreateModel", {"ModelName": "-a"}, "'modelName' .* regular expression pattern"),
        ("CreateModel", {"ModelName": "a" * 64}, "'modelName' .* length less than or equal to 63"),
        ("CreateModel", {"ExecutionRoleArn": None}, "null at 'executionRoleArn' .* be a string"),
        ("CreateModel", {"Colour": "red"}, "'red' at 'colour' .* be known to the service"),
        ("CreateModel", {"Tags": [{"Key": "a"}]}, r"null at 'tags.1.member.value' .* not be null"),
        ("CreateTransformJob", {"BatchStrategy": "Many"}, "'batchStrategy' .* enum value set"),
        ("CreateTransformJob", {"MaxPayloadInMB": -1}, "'-1' .* greater than or equal to 0"),
        ("CreateTransformJob", {"MaxPayloadInMB": True}, "'True' .* Member must be an integer"),
    ],
)
def test_requests_that_aws_would_refuse_are_found(operation, changed, violation):
    (found,) = request_violations("sagemaker", operation, {**REQUESTS[operation], **changed})
    assert re.search(violation, found), found
