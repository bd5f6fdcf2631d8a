"""Reads an API's OpenAPI document for API Gateway and for the function behind it.

The document contains references to schemas only, as its header states.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Schema = Mapping[str, Any]

_LOCATIONS = {"path": "path", "query": "querystring", "header": "header"}
_METHODS = ("get", "post", "put", "patch", "delete")
_NOT_IN_MODELS = frozenset({"additionalProperties"})
"""Keywords that API Gateway's models do not support; the function validates them."""


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Parameters
    ----------
    parameters
        API Gateway's name, such as ``method.request.querystring.limit``, to whether the parameter
        is required.
    path_parameters, query_parameters
        JSON Schema of an object with the parameters.
    body
        JSON Schema (draft 4) of the body; None if the operation has no body.
    body_name
        Name of that schema in the document.
    """

    path: str
    method: str
    operation_id: str
    parameters: Mapping[str, bool]
    path_parameters: Schema
    query_parameters: Schema
    body: Schema | None
    body_name: str | None

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.strip("/").split("/"))

    @property
    def model(self) -> Schema | None:
        """The body's schema, restricted to the keywords that API Gateway supports."""
        if self.body is None:
            return None
        without: dict[str, Any] = _without(_NOT_IN_MODELS, self.body)
        return {"$schema": "http://json-schema.org/draft-04/schema#", **without}


def read(path: Path) -> tuple[Operation, ...]:
    """Reads the operations of an OpenAPI document, in its order, and resolves their references."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(
        _operation(document, route, method, item[method])
        for route, item in document["paths"].items()
        for method in _METHODS
        if method in item
    )


def function_contract(operations: tuple[Operation, ...]) -> bytes:
    """Returns the allowed requests in the format that `rest_api.contract.operations` reads."""
    described = [
        {
            "operation_id": one.operation_id,
            "method": one.method,
            "path": one.path,
            "path_parameters": one.path_parameters,
            "query_parameters": one.query_parameters,
            "body": one.body,
        }
        for one in operations
    ]
    return json.dumps(
        described, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def fingerprint(operations: tuple[Operation, ...], *more: str) -> str:
    """Returns a text that changes with everything that a deployment contains."""
    shapes = [[one.path, one.method, one.parameters, one.model] for one in operations]
    return json.dumps([shapes, *more], sort_keys=True, allow_nan=False)


def _operation(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> Operation:
    parameters = operation.get("parameters", ())
    body = body_name = None
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        body_name = schema["$ref"].rpartition("/")[2]
        body = _without_references(document, schema)
    return Operation(
        path,
        method.upper(),
        operation["operationId"],
        {
            f"method.request.{_LOCATIONS[one['in']]}.{one['name']}": bool(one.get("required"))
            for one in parameters
        },
        _parameters(document, [one for one in parameters if one["in"] == "path"]),
        _parameters(document, [one for one in parameters if one["in"] == "query"]),
        body,
        body_name,
    )


def _parameters(
    document: Mapping[str, Any], parameters: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            one["name"]: _without_references(document, one["schema"]) for one in parameters
        },
        "additionalProperties": False,
    }
    required = [one["name"] for one in parameters if one.get("required")]
    return schema | {"required": required} if required else schema  # draft 4 forbids an empty list


def _without_references(document: Mapping[str, Any], schema: Any) -> Any:
    """Returns the schema with each reference replaced by its target."""
    if isinstance(schema, list):
        return [_without_references(document, one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return _without_references(document, target)
    return {name: _without_references(document, value) for name, value in schema.items()}


def _without(keywords: frozenset[str], schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without(keywords, one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without(keywords, value) for name, value in schema.items() if name not in keywords
    }
