"""Holds responses of the forecast API to its OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft4Validator

DOCUMENT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[3] / "contracts" / "apis" / "forecast.openapi.yaml").read_text("utf-8")
)


def strict(schema: Any) -> Any:
    """The schema, where no object may have a member that is not described."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    stricter = {key: strict(value) for key, value in schema.items()}
    if schema.get("type") == "object":
        stricter["additionalProperties"] = False
    return stricter


def assert_fits(
    operation_id: str, status: int, headers: Mapping[str, str], body: str | bytes
) -> dict[str, Any]:
    """Assert that the contract allows the response to that operation; return its body."""
    [operation] = [
        operation
        for item in DOCUMENT["paths"].values()
        for operation in item.values()
        if operation["operationId"] == operation_id
    ]
    assert str(status) in operation["responses"], f"{operation_id} may not answer {status}"
    response = operation["responses"][str(status)]
    lower = {name.lower(): value for name, value in headers.items()}
    media_type = lower["content-type"].split(";")[0]
    assert media_type in response["content"], f"{status} may not be {media_type}"
    for name in response.get("headers", {}):
        assert name.lower() in lower, f"{status} lacks the header {name}"
    assert_valid(response["content"][media_type]["schema"], document := json.loads(body))
    return dict(document)


def assert_valid(schema: dict[str, Any], document: Any) -> None:
    """Assert that a JSON value fits a schema of the document."""
    components = strict(DOCUMENT["components"])
    Draft4Validator({**strict(schema), "components": components}).validate(document)


def is_valid(name: str, document: Any) -> bool:
    """Whether a JSON value fits the named schema as it stands, unknown members allowed."""
    reference = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return bool(Draft4Validator(reference).is_valid(document))
