"""Every operation that botocore can send is read back with its members."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

import pytest
from botocore.serialize import create_serializer

from localcloud.cloud.aws_shapes import service_model
from localcloud.server.admission import MODELS
from localcloud.server.wire.calls import call_of
from localcloud.server.wire.values import UNREAD, HttpRequest

CASES = [
    (services, service, protocol)
    for services in MODELS.values()
    for service in services
    for protocol in ("json", "query", "rest-json", "rest-xml")
    if protocol in service_model(service).metadata["protocols"]
]
DEPTH = 8
SAME_REQUEST = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
}
"""Operations of S3 whose requests are another's: deprecated ones, and one for another host."""


def sample(shape: Any, depth: int = 0) -> Any:
    """Returns a value of a shape with all its members; recursive shapes end at `DEPTH`."""
    if shape.type_name == "structure":
        return {
            name: sample(member, depth + 1)
            for name, member in shape.members.items()
            if is_text(member) and depth < DEPTH
        }
    if shape.type_name == "list":
        return [sample(shape.member, depth + 1)] * 2 if is_text(shape.member) else []
    if shape.type_name == "map":
        return {sample(shape.key): sample(shape.value, depth + 1)}
    values = {"boolean": True, "integer": 7, "long": 8, "float": 1.5, "double": 2.5}
    return values.get(shape.type_name, "some-text")


def filled(value: Any) -> Any:
    """Returns a value without empty structures, which the query protocol cannot send."""
    if isinstance(value, dict):
        return {key: filled(one) for key, one in value.items() if one not in ({}, [{}, {}])}
    return [filled(one) for one in value] if isinstance(value, list) else value


def is_text(shape: Any) -> bool:
    """Whether a value is the same on the wire, where blobs and times are encoded."""
    inner = getattr(shape, "member", None) or getattr(shape, "value", None) or shape
    is_encoded = inner.type_name in ("blob", "timestamp") or "jsonvalue" in shape.serialization
    return not is_encoded and not getattr(shape, "is_document_type", False)


@pytest.mark.parametrize(("services", "service", "protocol"), CASES)
def test_operation_and_members_are_read_back(services, service, protocol):
    model = service_model(service)
    serializer = create_serializer(protocol, include_validation=False)
    wrong = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        if name in SAME_REQUEST:
            continue
        members = sample(operation.input_shape) if operation.input_shape else {}
        out = serializer.serialize_to_request(members, operation)
        call = call_of(services, http(out))
        if call is None or (call.service, call.operation) != (service, name):
            wrong.append((name, "read as", call))
            continue
        for member, value in members.items():
            found = call.members.get(member)
            if found is not UNREAD and filled(found) != filled(value):
                wrong.append((name, member, value, found))
        wrong += [(name, "unknown", extra) for extra in call.members if extra not in members]
    assert not wrong, f"{len(wrong)}: {wrong[:5]}"


def http(out: dict[str, Any]) -> HttpRequest:
    body = out["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    query = out["query_string"]
    path, _, static = out["url_path"].partition("?")
    pairs = parse_qs(query if isinstance(query, str) else urlencode(query, doseq=True), True)
    headers = {str(key).lower(): str(value) for key, value in out["headers"].items()}
    return HttpRequest(
        out["method"],
        unquote(path),
        headers,
        body if isinstance(body, bytes) else body.encode(),
        {**parse_qs(static, True), **pairs},
    )
