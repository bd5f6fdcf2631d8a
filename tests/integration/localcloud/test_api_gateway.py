"""Tests that a REST API refuses unknown paths and invalid bodies as API Gateway does."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from localcloud.cloud.launch import LocalCloud

PROBLEM = '{"status":%d,"detail":$context.error.messageString,"errors":%s}'
FAULTS = '[{"at":"body","detail":"$context.error.validationErrorString"}]'
MODEL = {
    "type": "object",
    "required": ["name", "kind"],
    "properties": {
        "name": {"type": "string", "pattern": r"^\w+$"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "size": {"type": "integer", "maximum": 9},
    },
}


@pytest.fixture(scope="module")
def url(cloud: LocalCloud, aws: boto3.Session) -> Iterator[str]:
    """URL of a stage with the operation ``POST /v1/things`` and problems for two refusals."""
    gateway = aws.client("apigateway")
    api = gateway.create_rest_api(name="things")
    api_id, parent = api["id"], api["rootResourceId"]
    for part in ("v1", "things"):
        parent = gateway.create_resource(restApiId=api_id, parentId=parent, pathPart=part)["id"]
    gateway.create_model(
        restApiId=api_id, name="Thing", contentType="application/json", schema=json.dumps(MODEL)
    )
    validator = gateway.create_request_validator(
        restApiId=api_id, name="body", validateRequestBody=True
    )["id"]
    method = {"restApiId": api_id, "resourceId": parent, "httpMethod": "POST"}
    gateway.put_method(
        **method,
        authorizationType="NONE",
        requestValidatorId=validator,
        requestModels={"application/json": "Thing"},
    )
    gateway.put_integration(
        **method, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'}
    )
    gateway.put_method_response(**method, statusCode="200")
    gateway.put_integration_response(
        **method, statusCode="200", responseTemplates={"application/json": "{}"}
    )
    for answer, status, errors in (
        ("MISSING_AUTHENTICATION_TOKEN", 404, "[]"),
        ("BAD_REQUEST_BODY", 400, FAULTS),
    ):
        gateway.put_gateway_response(
            restApiId=api_id,
            responseType=answer,
            statusCode=str(status),
            responseTemplates={"application/json": PROBLEM % (status, errors)},
        )
    gateway.create_deployment(restApiId=api_id, stageName="test")
    yield f"{cloud.endpoint_url}/restapis/{api_id}/test/_user_request_"
    gateway.delete_rest_api(restApiId=api_id)


def send(url: str, method: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    request = urllib.request.Request(
        url, body, {"Content-Type": "application/json", **headers}, method=method
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/nothing"), ("GET", "/v1/things"), ("POST", "/")]
)
def test_an_unknown_path_or_method_gets_the_apis_own_answer(
    url: str, method: str, path: str
) -> None:
    status, problem = send(f"{url}{path}", method, b"{}" if method == "POST" else None)
    assert (status, problem["status"]) == (404, 404)
    assert problem["detail"] == "Missing Authentication Token"


def test_an_unknown_stage_and_a_foreign_signature_are_refused(url: str) -> None:
    assert send(f"{url}/v1/things".replace("/test/", "/other/"), "POST", b"{}")[0] == 403
    assert send(f"{url}/v1/nothing", "GET", Authorization="Bearer x")[0] == 403


def test_an_invalid_body_gets_the_list_of_its_faults(url: str) -> None:
    body = json.dumps({"name": 'two "words"', "size": 10}).encode()
    status, problem = send(f"{url}/v1/things", "POST", body)
    assert (status, problem["detail"]) == (400, "Invalid request body")
    (found,) = problem["errors"]
    assert found["at"] == "body"
    for fault in (
        'object has missing required properties (["kind"])',
        r'ECMA 262 regex "^\\w+$" does not match input string "two \"words\""',
        "numeric instance is greater than the required maximum (maximum: 9, found: 10)",
    ):
        assert fault in found["detail"]


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff"])
def test_a_body_that_is_not_json_is_named_as_such(url: str, body: bytes) -> None:
    status, problem = send(f"{url}/v1/things", "POST", body)
    assert (status, problem["errors"][0]["detail"]) == (400, "[the body is not JSON]")


def test_a_valid_body_is_accepted(url: str) -> None:
    body = json.dumps({"name": "x", "kind": "a"}).encode()
    assert send(f"{url}/v1/things", "POST", body) == (200, {})
