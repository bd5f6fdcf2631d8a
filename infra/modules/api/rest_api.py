"""The REST API in front of the function: key, validation, throttle, access log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from cdktf import TerraformResource, TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.api_gateway_deployment import ApiGatewayDeployment
from cdktf_cdktf_provider_aws.api_gateway_gateway_response import ApiGatewayGatewayResponse
from cdktf_cdktf_provider_aws.api_gateway_integration import ApiGatewayIntegration
from cdktf_cdktf_provider_aws.api_gateway_method import ApiGatewayMethod
from cdktf_cdktf_provider_aws.api_gateway_model import ApiGatewayModel
from cdktf_cdktf_provider_aws.api_gateway_request_validator import ApiGatewayRequestValidator
from cdktf_cdktf_provider_aws.api_gateway_resource import ApiGatewayResource
from cdktf_cdktf_provider_aws.api_gateway_rest_api import (
    ApiGatewayRestApi,
    ApiGatewayRestApiEndpointConfiguration,
)
from cdktf_cdktf_provider_aws.lambda_function import LambdaFunction
from cdktf_cdktf_provider_aws.lambda_permission import LambdaPermission
from constructs import Construct

from contracts.apis import problems
from contracts.apis.problems import ProblemKind, problem_document
from contracts.names import Names
from infra.modules.api.openapi import Operation, fingerprint

_MESSAGE = "$context.error.messageString"
"""API Gateway's own message; it already includes quotation marks."""

_FAULTS = [{"at": "body", "detail": "$context.error.validationErrorString"}]
"""All that the validator found in the body; API Gateway escapes the text for a JSON string.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

_PROBLEMS = {
    # API Gateway's response type: kind of problem, detail
    "BAD_REQUEST_BODY": (problems.INVALID_REQUEST, _MESSAGE),
    "BAD_REQUEST_PARAMETERS": (problems.INVALID_REQUEST, _MESSAGE),
    "INVALID_API_KEY": (problems.FORBIDDEN, "the header x-api-key must hold a key of this API"),
    "MISSING_AUTHENTICATION_TOKEN": (
        problems.UNKNOWN_ROUTE,
        "the API has no such method and path",
    ),
    "REQUEST_TOO_LARGE": (problems.BODY_TOO_LARGE, _MESSAGE),
    "THROTTLED": (problems.TOO_MANY_REQUESTS, "retry in a moment"),
    "QUOTA_EXCEEDED": (problems.QUOTA_EXCEEDED, "the key's daily quota is used up; retry tomorrow"),
    "INTEGRATION_TIMEOUT": (problems.UNAVAILABLE, "the response took too long; retry"),
    "DEFAULT_5XX": (problems.INTERNAL_ERROR, "the error is logged"),
}


@dataclass(frozen=True)
class RestApiInputs:
    """The API's operations and the function that handles all of them."""

    names: Names
    operations: tuple[Operation, ...]
    function: LambdaFunction


class RestApi(Construct):
    """Resources and methods of the OpenAPI document, each behind a key and a validator.

    API Gateway could import the whole document. With separate resources, a plan shows what a
    change of the document does.
    """

    def __init__(self, scope: Construct, id_: str, inputs: RestApiInputs) -> None:
        super().__init__(scope, id_)
        names, function = inputs.names, inputs.function
        self.api = ApiGatewayRestApi(
            self,
            "this",
            name=names.api,
            description="Probabilistic forecasts of hourly air pollution",
            endpoint_configuration=ApiGatewayRestApiEndpointConfiguration(types=["REGIONAL"]),
            lifecycle=TerraformResourceLifecycle(create_before_destroy=True),
        )
        self._validator = ApiGatewayRequestValidator(
            self,
            "validator",
            name="request",
            rest_api_id=self.api.id,
            validate_request_body=True,
            validate_request_parameters=True,
        )
        self._resources: dict[tuple[str, ...], ApiGatewayResource] = {}
        frozen: list[TerraformResource] = []
        for operation in inputs.operations:
            frozen += self._operation(operation, function)
        frozen += self._problems()
        LambdaPermission(
            self,
            "permission",
            statement_id="api",
            action="lambda:InvokeFunction",
            function_name=function.function_name,
            principal="apigateway.amazonaws.com",
            source_arn=f"{self.api.execution_arn}/*/*/v1/*",
        )
        self.deployment = self._deployment(inputs.operations, frozen)

    def _operation(
        self, operation: Operation, function: LambdaFunction
    ) -> Sequence[TerraformResource]:
        resource = self._resource(operation.segments)
        models = {}
        if operation.model is not None and operation.body_name is not None:
            model = ApiGatewayModel(
                self,
                f"{operation.operation_id}_body",
                rest_api_id=self.api.id,
                name=operation.body_name,
                content_type="application/json",
                schema=json.dumps(operation.model, sort_keys=True, allow_nan=False),
            )
            models = {"application/json": model.name}
        method = ApiGatewayMethod(
            self,
            operation.operation_id,
            rest_api_id=self.api.id,
            resource_id=resource.id,
            http_method=operation.method,
            operation_name=operation.operation_id,
            authorization="NONE",  # the API key identifies the caller
            api_key_required=True,
            request_validator_id=self._validator.id,
            request_parameters=dict(operation.parameters),
            request_models=models or None,
        )
        integration = ApiGatewayIntegration(
            self,
            f"{operation.operation_id}_integration",
            rest_api_id=self.api.id,
            resource_id=resource.id,
            http_method=method.http_method,
            integration_http_method="POST",
            type="AWS_PROXY",
            uri=function.invoke_arn,
        )
        return method, integration

    def _resource(self, segments: tuple[str, ...]) -> ApiGatewayResource:
        if segments not in self._resources:
            parent = segments[:-1]
            parent_id = self._resource(parent).id if parent else self.api.root_resource_id
            self._resources[segments] = ApiGatewayResource(
                self,
                "path_" + "_".join(one.strip("{}") for one in segments),
                rest_api_id=self.api.id,
                parent_id=parent_id,
                path_part=segments[-1],
            )
        return self._resources[segments]

    def _problems(self) -> Sequence[TerraformResource]:
        """Returns API Gateway's own error responses in the format of the API's errors."""
        return [
            ApiGatewayGatewayResponse(
                self,
                answer.lower(),
                rest_api_id=self.api.id,
                response_type=answer,
                status_code=str(kind.status),
                response_templates={"application/json": _problem(answer, kind, detail)},
                response_parameters={
                    "gatewayresponse.header.Content-Type": "'application/problem+json'"
                },
            )
            for answer, (kind, detail) in _PROBLEMS.items()
        ]

    def _deployment(
        self, operations: tuple[Operation, ...], frozen: Sequence[TerraformResource]
    ) -> ApiGatewayDeployment:
        answers = [
            [answer, _problem(answer, *problem)] for answer, problem in sorted(_PROBLEMS.items())
        ]
        text = fingerprint(operations, json.dumps(answers, allow_nan=False))
        return ApiGatewayDeployment(
            self,
            "deployment",
            rest_api_id=self.api.id,
            triggers={"definition": hashlib.sha256(text.encode()).hexdigest()},
            depends_on=list(frozen),  # a deployment is a snapshot of these
            lifecycle=TerraformResourceLifecycle(create_before_destroy=True),
        )


def _problem(answer: str, kind: ProblemKind, detail: str) -> str:
    """Returns the mapping template of a response type's problem document."""
    document = problem_document(kind, detail, "$context.requestId")
    if answer == "BAD_REQUEST_BODY":
        document["errors"] = _FAULTS
    return json.dumps(document, separators=(",", ":"), allow_nan=False).replace(
        f'"{_MESSAGE}"', _MESSAGE
    )
