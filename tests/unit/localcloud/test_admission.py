"""Requests that AWS would refuse are refused at the entry, in the protocol of the request."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from localcloud.cloud.aws_shapes import request_violations
from localcloud.server import admission
from localcloud.server.admission import MODELS, install, refusal
from localcloud.server.wire.values import HttpRequest

ROOT = Path(__file__).parents[3]
JSON = {"content-type": "application/x-amz-json-1.1"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def json_request(target: str, document: Any) -> HttpRequest:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return HttpRequest("POST", "/", {**JSON, "x-amz-target": target}, body, {})


def form_request(**members: str) -> HttpRequest:
    return HttpRequest("POST", "/", FORM, urlencode(members).encode(), {})


def rest_request(method: str, path: str, document: Any = None, query: str = "") -> HttpRequest:
    body = b"" if document is None else json.dumps(document).encode()
    return HttpRequest(method, path, {}, body, parse_qs(query))


@pytest.mark.parametrize(
    ("service", "request_", "code", "violation"),
    [
        (
            "sagemaker",
            json_request("SageMaker.DescribeModel", {"ModelName": "-"}),
            "ValidationException",
            "1 validation error detected: Value '-' at 'modelName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: ",
        ),
        (
            "sagemaker",
            json_request("SageMaker.DescribeModel", {"ModelName": None}),
            "ValidationException",
            "1 validation error detected: Value null at 'modelName' failed to satisfy constraint: "
            "Member must not be null",
        ),
        (
            "glue",
            json_request("AWSGlue.GetJobRuns", {"JobName": "a", "MaxResults": 0}),
            "InvalidInputException",
            "Value '0' at 'maxResults' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        ),
        (
            "dynamodb",
            json_request("DynamoDB_20120810.GetItem", {"TableName": "table", "Colour": "red"}),
            "ValidationException",
            "2 validation errors detected: Value null at 'key' .*; Value 'red' at 'colour'",
        ),
        (
            "iam",
            form_request(Action="CreateRole", RoleName="a b", AssumeRolePolicyDocument="{}"),
            "ValidationError",
            "Value 'a b' at 'roleName' failed to satisfy constraint",
        ),
        (
            "iam",
            form_request(Action="TagRole", RoleName="a", **{"Tags.member.1.Key": "k" * 129}),
            "ValidationError",
            "2 validation errors detected: Value null at 'tags.1.member.value'",
        ),
        (
            "lambda",
            rest_request("POST", "/2015-03-31/event-source-mappings", {"BatchSize": 0}),
            "ValidationException",
            "Value null at 'functionName'",
        ),
        (
            "lambda",
            rest_request("GET", "/2015-03-31/functions", query="MaxItems=many"),
            "ValidationException",
            "Value 'many' at 'maxItems' failed to satisfy constraint: Member must be an integer",
        ),
        (
            "iot",
            rest_request("POST", "/things/a%20b", {"thingTypeName": "type"}),
            "InvalidRequestException",
            "Value 'a%20b' at 'thingName'",
        ),
        (
            "s3",
            HttpRequest("PUT", "/bucket/key", {"x-amz-storage-class": "COLD"}, b"data", {}),
            "ValidationError",
            "Value 'COLD' at 'storageClass' failed to satisfy constraint",
        ),
        (
            "s3",
            HttpRequest(
                "PUT",
                "/bucket",
                {},
                b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
                {"tagging": [""]},
            ),
            "ValidationError",
            "Value null at 'tagging.tagSet.1.member.value' failed to satisfy constraint",
        ),
        (
            "s3",
            HttpRequest("PUT", "/bucket", {}, b"<Tagging>", {"tagging": [""]}),
            "MalformedXML",
            "the body is not XML",
        ),
        (
            "monitoring",
            HttpRequest("POST", "/", {"content-type": "application/cbor"}, b"", {}),
            "SerializationException",
            "does not read CBOR",
        ),
        (
            "sagemaker",
            json_request("SageMaker.DescribeModel", b"{"),
            "SerializationException",
            "the body is not what its protocol requires",
        ),
    ],
)
def test_request_is_refused_as_by_aws(service, request_, code, violation):
    answer = refusal(MODELS[service], request_)
    assert answer is not None
    status, headers, body = answer
    assert status == 400
    text = body.decode()
    if "json" in headers["Content-Type"]:
        document = json.loads(text)
        assert document["__type"] == headers["x-amzn-ErrorType"] == code
        assert re.search(violation, document["message"]), document
    else:
        assert f"<Code>{code}</Code>" in text
        assert re.search(violation, text), text


@pytest.mark.parametrize(
    ("service", "request_"),
    [
        ("sagemaker", json_request("SageMaker.DescribeModel", {"ModelName": "a"})),
        ("sagemaker", json_request("SageMaker.NoSuchOperation", {"ModelName": "-"})),
        ("sts", form_request(Action="GetCallerIdentity", Version="2011-06-15")),
        ("s3", HttpRequest("PUT", "/bucket/key", {}, b"{", {})),
        ("lambda", rest_request("GET", "/2015-03-31/functions/f", query="X-Amz-Signature=a")),
    ],
)
def test_request_that_aws_would_accept_passes(service, request_):
    assert refusal(MODELS[service], request_) is None


def test_requests_of_every_client_in_the_repository_are_validated():
    listed = subprocess.run(
        ["git", "ls-files", "--", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    used = {
        service
        for path in listed.stdout.splitlines()
        for service in re.findall(r'\.(?:client|resource)\("([\w-]+)"', (ROOT / path).read_text())
    }
    assert len(used) > 15
    assert used <= {service for services in MODELS.values() for service in services}


def test_refused_request_does_not_reach_the_service(monkeypatch):
    monkeypatch.setattr(admission, "MODELS", {"sts": ("sts",)})
    reached = []

    async def handler(*request: Any) -> tuple[int, dict[str, str], bytes]:
        reached.append(request)
        return 200, {}, b""

    handlers = {"sts": handler, "sqs": handler}
    install(handlers)
    assert handlers["sqs"] is handler
    for name, status in (("a", 400), ("session", 200)):
        form = {"Action": "AssumeRole", "RoleArn": "arn:aws:iam::1:role/a", "RoleSessionName": name}
        call = handlers["sts"]("POST", "/", {"Content-Type": FORM["content-type"]},
                               urlencode(form).encode(), {})  # fmt: skip
        assert asyncio.run(call)[0] == status
    assert len(reached) == 1


def test_violation_that_the_service_is_known_to_accept_passes(monkeypatch):
    request = json_request("SageMaker.DescribeModel", {"ModelName": "a_b"})
    assert refusal(MODELS["sagemaker"], request) is not None
    exception = ("sagemaker", "DescribeModel", r"at 'modelName' .* pattern")
    monkeypatch.setitem(admission.ACCEPTED, exception, "a reason with its source")
    assert refusal(MODELS["sagemaker"], request) is None


def test_violation_shows_neither_secrets_nor_long_values():
    found = request_violations("kms", "Encrypt", {"KeyId": "k", "Plaintext": b"secret" * 1000})
    assert "secret" not in found[0]
    found = request_violations("sagemaker", "DescribeModel", {"ModelName": "x" * 10_000})
    assert len(found[0]) < 500


def test_validation_takes_little_time():
    records = [{"Data": "e30K" * 50} for _ in range(500)]
    request = json_request(
        "Firehose_20150804.PutRecordBatch", {"DeliveryStreamName": "stream", "Records": records}
    )
    refusal(MODELS["firehose"], request)
    began = time.process_time()
    assert refusal(MODELS["firehose"], request) is None
    assert time.process_time() - began < 0.1  # 500 records
