"""Nothing of the cloud answers without a valid signature, except what is public on AWS too."""

from __future__ import annotations

import ast
import http.client
import json
import re
from pathlib import Path

import boto3
import ministack
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localcloud.cloud.launch import LocalCloud
from localcloud.server.doors import API_PATHS, OPEN_PATHS

FORGED = (
    "AWS4-HMAC-SHA256 Credential=AKIAFORGED/20260101/eu-west-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
)


def paths_of_ministack() -> list[str]:
    """Returns the texts in ministack's sources that can be a path or its start."""
    package = Path(ministack.__file__).parent
    found = set()
    for file in [*package.glob("*.py"), *package.glob("core/*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.removeprefix("^")
                if re.fullmatch(r"/[\w./@-]+", text):
                    found.add(text)
    return sorted(found)


def test_paths_are_found_in_the_sources() -> None:
    paths = paths_of_ministack()
    assert {"/_ministack/sqs/messages", "/_ministack/lambda-code/", "/_aws/lambda-url/"} <= set(
        paths
    )
    assert len(paths) > 60


def status_of(cloud: LocalCloud, method: str, path: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", cloud.config.port, timeout=30)
    try:
        connection.request(method, path, b"{}" if method == "POST" else None, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("authorization", ["", FORGED], ids=["unsigned", "forged"])
def test_no_path_answers_without_a_valid_signature(cloud: LocalCloud, authorization: str) -> None:
    headers = {"authorization": authorization} if authorization else {}
    answered = []
    for known in paths_of_ministack():
        path = f"{known}a/b/1/content" if known.endswith("/") else known
        for method in ("GET", "POST", "PUT") if path.startswith("/_") else ("GET", "POST"):
            status = status_of(cloud, method, path, headers)
            refusals = (400, 401, 403, 404) if API_PATHS.match(path) else (400, 401, 403)
            expected = (200,) if path in OPEN_PATHS and method == "GET" else refusals
            if status not in expected:
                answered.append(f"{method} {path}: {status}")
    assert not answered


@pytest.mark.parametrize("path", ["/", "/mqtt", "/_aws/execute-api/api/stage"])
def test_no_websocket_is_accepted(cloud: LocalCloud, path: str) -> None:
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "mqtt",
    }
    assert status_of(cloud, "GET", path, handshake) == 403


@pytest.mark.parametrize(
    ("service", "region", "reason"),
    [
        ("glue", "eu-west-1", None),
        ("sqs", "eu-west-1", "Credential should be scoped to correct service: 'glue'"),
        ("glue", "us-east-1", "Credential should be scoped to a valid region, not 'us-east-1'"),
    ],
)
def test_signature_for_another_service_or_region_is_refused(
    cloud: LocalCloud, aws: boto3.Session, service: str, region: str, reason: str | None
) -> None:
    key = aws.get_credentials().get_frozen_credentials()
    headers = {"x-amz-target": "AWSGlue.GetDatabases", "content-type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", f"{cloud.endpoint_url}/", headers, b"{}")
    SigV4Auth(Credentials(key.access_key, key.secret_key), service, region).add_auth(request)
    connection = http.client.HTTPConnection("127.0.0.1", cloud.config.port, timeout=30)
    connection.request("POST", "/", b"{}", dict(request.headers))
    response = connection.getresponse()
    document = json.loads(response.read())
    if reason is None:
        assert response.status == 200
    else:
        assert document["__type"] == "InvalidSignatureException"
        assert document["message"].startswith(reason)
