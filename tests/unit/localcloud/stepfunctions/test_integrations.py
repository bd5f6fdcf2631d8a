"""Integrations call operations that exist, and name errors and members as Step Functions does."""

from __future__ import annotations

from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud.services.stepfunctions.integrations import services, spelling
from localcloud.services.stepfunctions.integrations.integrations import PATTERNS, check
from localcloud.services.stepfunctions.integrations.jobs import JOBS


@pytest.mark.parametrize("integration", PATTERNS)
def test_an_optimised_integration_calls_an_operation(integration):
    service, action = integration.split(":")
    assert services.OPTIMISED[service].operation(action) is not None
    assert (integration in JOBS) == ("sync" in PATTERNS[integration])


@pytest.mark.parametrize("integration", JOBS)
def test_a_job_is_described_and_stopped_by_operations(integration):
    service, job = services.OPTIMISED[integration.partition(":")[0]], JOBS[integration]
    describe = service.operation(job.describe)
    required = {spelling.capitalised(name) for name in describe.input_shape.required_members}
    assert required <= set(job.names)
    assert service.operation(job.stop[0]) is not None


@pytest.mark.parametrize("name", services.SDK_SERVICES)
def test_an_sdk_service_is_a_client_of_boto3_and_named_as_its_java_package(name):
    service = services.SDK_SERVICES[name]
    assert service.client in boto3.Session().get_available_services()
    assert service.prefix.lower() == name


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:states:::sagemaker:createTrainingJob.sync:2",
        "arn:aws:states:::batch:submitJob",
        "arn:aws:states:::aws-sdk:rds:describeDBInstances",
        "arn:aws:states:::aws-sdk:glue:startJobRun.sync",
        "glue:startJobRun",
    ],
)
def test_a_resource_that_is_not_served_is_refused(arn):
    with pytest.raises(ValueError, match="is not recognized"):
        check(arn)


def failure(code, **more):
    error = {"Code": code, "Message": "no", **more}
    return ClientError(
        {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": "r"}}, "Call"
    )


@pytest.mark.parametrize(
    ("resource", "code", "name"),
    [
        ("aws-sdk:s3", "NoSuchBucket", "S3.NoSuchBucketException"),
        ("aws-sdk:secretsmanager", "ValidationException", "SecretsManager.SecretsManagerException"),
        ("aws-sdk:sfn", "ExecutionDoesNotExist", "Sfn.ExecutionDoesNotExistException"),
        ("aws-sdk:dynamodb", "ValidationException", "DynamoDb.DynamoDbException"),
        ("aws-sdk:glue", "EntityNotFoundException", "Glue.EntityNotFoundException"),
        ("dynamodb", "ConditionalCheckFailedException", "DynamoDB.ConditionalCheckFailedException"),
        ("dynamodb", "AccessDeniedException", "DynamoDB.AmazonDynamoDBException"),
        ("sagemaker", "ResourceInUse", "SageMaker.ResourceInUseException"),
        ("sagemaker", "ValidationException", "SageMaker.AmazonSageMakerException"),
        ("glue", "ConcurrentRunsExceededException", "Glue.ConcurrentRunsExceededException"),
    ],
)
def test_an_error_has_the_name_that_machines_catch(resource, code, name):
    is_sdk = resource.startswith(services.SDK)
    found, cause = services.called(resource).error(failure(code), is_sdk=is_sdk)
    assert found == name
    assert cause.startswith("no (Service: ")


def test_an_error_of_a_service_that_left_the_query_protocol_has_its_present_name():
    error = failure("AWS.SimpleQueueService.NonExistentQueue", QueryErrorCode="QueueDoesNotExist")
    name, cause = services.SDK_SERVICES["sqs"].error(error, is_sdk=True)
    assert name == "Sqs.QueueDoesNotExistException"
    assert cause == "no (Service: Sqs, Status Code: 400, Request ID: r)"


def test_members_are_capitalised_at_every_depth():
    shape = services.SDK_SERVICES["sfn"].operation("describeExecution").output_shape
    answer = {
        "name": "one",
        "startDate": datetime(2026, 1, 31, 12, tzinfo=UTC),
        "inputDetails": {"included": True},
    }
    assert spelling.response(answer, shape, is_sdk=True) == {
        "Name": "one",
        "StartDate": "2026-01-31T12:00:00Z",
        "InputDetails": {"Included": True},
    }
    assert spelling.response(answer, shape, is_sdk=False)["StartDate"] == 1769860800000
    shape = services.SDK_SERVICES["sfn"].operation("startExecution").input_shape
    request = spelling.request({"StateMachineArn": "arn", "Input": {"a": 1}}, shape)
    assert request == {"stateMachineArn": "arn", "input": '{"a":1}'}


def test_keys_of_maps_keep_their_spelling():
    shape = services.OPTIMISED["glue"].operation("startJobRun").input_shape
    request = {"JobName": "etl", "Arguments": {"--day": "1"}}
    assert spelling.request(request, shape) == request
