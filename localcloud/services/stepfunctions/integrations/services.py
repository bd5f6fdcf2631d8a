"""Services that tasks call, and the names of their errors.

Optimised integrations are built on version 1 of AWS's SDK for Java, ``aws-sdk`` integrations on
version 2; that is why they name errors, times and services differently.
https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import OperationModel, ServiceModel

from localcloud.cloud.aws_shapes import service_model

SDK = "aws-sdk:"

_model = cache(service_model)


@dataclass(frozen=True)
class Called:
    """A service as an integration names it.

    Parameters
    ----------
    client
        boto3's name.
    prefix
        Prefix of the names of its errors.
    general
        Error that stands for all that the service's model does not name.
    service
        Name of the service in the cause of an error.
    """

    client: str
    prefix: str
    general: str
    service: str

    @property
    def model(self) -> ServiceModel:
        return _model(self.client)

    def operation(self, action: str) -> OperationModel | None:
        """Returns an operation by its name in a resource, such as ``startJobRun``."""
        name = action[:1].upper() + action[1:]
        return self.model.operation_model(name) if name in self.model.operation_names else None

    def error(self, failure: ClientError, *, is_sdk: bool) -> tuple[str, str]:
        """Returns the name and the cause of a task's error."""
        code = failure.response["Error"]["Code"]
        message = failure.response["Error"].get("Message", "")
        # where a service has left the query protocol, its errors also have the code of today
        codes = (code, failure.response["Error"].get("QueryErrorCode", code))
        shapes = (self.model.shape_for_error_code(one) for one in codes)
        known = next((shape for shape in shapes if shape is not None), None)
        name = _exception(known.name) if known is not None else self.general
        request = failure.response.get("ResponseMetadata", {})
        status, number = request.get("HTTPStatusCode", 400), request.get("RequestId", "")
        if is_sdk:
            place = f"Service: {self.service}, Status Code: {status}, Request ID: {number}"
        else:
            place = (
                f"Service: {self.service}; Status Code: {status}; Error Code: {code}; "
                f"Request ID: {number}; Proxy: null"
            )
        return f"{self.prefix}.{name}", f"{message} ({place})"


def _exception(name: str) -> str:
    for ending in ("Exception", "Fault"):
        name = name.removesuffix(ending)
    return f"{name}Exception"


OPTIMISED: Mapping[str, Called] = {
    "athena": Called("athena", "Athena", "AmazonAthenaException", "AmazonAthena"),
    "dynamodb": Called("dynamodb", "DynamoDB", "AmazonDynamoDBException", "AmazonDynamoDBv2"),
    "events": Called("events", "EventBridge", "AmazonEventBridgeException", "AmazonEventBridge"),
    "glue": Called("glue", "Glue", "AWSGlueException", "AWSGlue"),
    "lambda": Called("lambda", "Lambda", "AWSLambdaException", "AWSLambda"),
    "sagemaker": Called("sagemaker", "SageMaker", "AmazonSageMakerException", "AmazonSageMaker"),
    "sns": Called("sns", "SNS", "AmazonSNSException", "AmazonSNS"),
    "sqs": Called("sqs", "SQS", "AmazonSQSException", "AmazonSQS"),
    "states": Called(
        "stepfunctions", "StepFunctions", "AWSStepFunctionsException", "AWSStepFunctions"
    ),
}
"""Services with optimised integrations, by their names in a resource."""


def _sdk(client: str, prefix: str) -> Called:
    return Called(client, prefix, f"{prefix}Exception", prefix)


SDK_SERVICES: Mapping[str, Called] = {
    "apigateway": _sdk("apigateway", "ApiGateway"),
    "athena": _sdk("athena", "Athena"),
    "cloudwatch": _sdk("cloudwatch", "CloudWatch"),
    "cloudwatchlogs": _sdk("logs", "CloudWatchLogs"),
    "dynamodb": _sdk("dynamodb", "DynamoDb"),
    "ecr": _sdk("ecr", "Ecr"),
    "eventbridge": _sdk("events", "EventBridge"),
    "firehose": _sdk("firehose", "Firehose"),
    "glue": _sdk("glue", "Glue"),
    "iam": _sdk("iam", "Iam"),
    "iot": _sdk("iot", "Iot"),
    "iotdataplane": _sdk("iot-data", "IotDataPlane"),
    "kms": _sdk("kms", "Kms"),
    "lambda": _sdk("lambda", "Lambda"),
    "s3": _sdk("s3", "S3"),
    "sagemaker": _sdk("sagemaker", "SageMaker"),
    "sagemakerruntime": _sdk("sagemaker-runtime", "SageMakerRuntime"),
    "scheduler": _sdk("scheduler", "Scheduler"),
    "secretsmanager": _sdk("secretsmanager", "SecretsManager"),
    "sfn": _sdk("stepfunctions", "Sfn"),
    "sns": _sdk("sns", "Sns"),
    "sqs": _sdk("sqs", "Sqs"),
    "ssm": _sdk("ssm", "Ssm"),
    "sts": _sdk("sts", "Sts"),
}
"""Services of ``aws-sdk`` integrations: those that the local cloud serves."""


def called(service: str) -> Called | None:
    """Returns a service by its name in a resource; None if the local cloud does not call it."""
    if service.startswith(SDK):
        return SDK_SERVICES.get(service.removeprefix(SDK))
    return OPTIMISED.get(service)


def method(operation: OperationModel) -> str:
    """Returns boto3's name of an operation."""
    name: Any = xform_name(operation.name)
    return str(name)
