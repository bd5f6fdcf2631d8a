from __future__ import annotations

import asyncio
import json
from typing import Any

from localcloud.cloud.aws_api import AwsError, JsonApi

ARN = "arn:aws:sagemaker:eu-west-1:000000000000:model/a"


class Models:
    def describe_model(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["ModelName"] == "missing":
            raise AwsError("ValidationException", "Could not find model")
        if request["ModelName"] == "broken":
            return {"ModelName": "broken"}
        return {"ModelName": request["ModelName"], "CreationTime": 1.0, "ModelArn": ARN}


class Endpoints:
    def delete_endpoint(self, request: dict[str, Any]) -> None: ...

    def secret(self, request: dict[str, Any]) -> None:
        raise AssertionError("not an operation")


API = JsonApi("sagemaker", (Models(), Endpoints()))


def call(operation: str, request: object) -> tuple[int, dict[str, Any]]:
    headers = {"x-amz-target": f"SageMaker.{operation}"}
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    status, _, answer = asyncio.run(API("POST", "/", headers, body, {}))
    return status, json.loads(answer)


def test_first_family_that_has_the_operation_serves_it() -> None:
    assert call("DescribeModel", {"ModelName": "a"})[0] == 200
    assert call("DeleteEndpoint", {"EndpointName": "a"}) == (200, {})


def test_method_that_is_not_an_operation_cannot_be_called() -> None:
    for name in ("Secret", "ListModels", ""):
        status, answer = call(name, {})
        assert (status, answer["__type"]) == (400, "UnknownOperationException")


def test_error_has_the_shape_of_awss_errors() -> None:
    assert call("DescribeModel", {"ModelName": "missing"}) == (
        400,
        {"__type": "ValidationException", "message": "Could not find model"},
    )


def test_body_that_is_not_json_is_refused() -> None:
    assert call("DescribeModel", b"{")[1]["__type"] == "SerializationException"


def test_response_that_violates_the_model_is_an_internal_failure() -> None:
    status, answer = call("DescribeModel", {"ModelName": "broken"})
    assert (status, answer["__type"]) == (500, "InternalFailure")
