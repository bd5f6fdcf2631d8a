"""What API Gateway needs of the API's OpenAPI document.

The document is the contract; here it is read, not repeated. Only references to schemas occur in
it, as it says at its top.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_LOCATIONS = {"path": "path", "query": "querystring", "header": "header"}
_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Parameters
    ----------
    parameters
        Name as API Gateway writes it, ``method.request.querystring.limit``, to whether the
        request must have it.
    body
        JSON Schema (draft 4, API Gateway's) of the body without references; None takes none.
    body_name
        Name of that schema in the document.
    """

    path: str
    method: str
    operation_id: str
    parameters: Mapping[str, bool]
    body: Mapping[str, Any] | None
    body_name: str | None

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.strip("/").split("/"))


def read(path: Path) -> tuple[Operation, ...]:
    """Operations of an OpenAPI document, in its order."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(
        _operation(document, route, method, item[method])
        for route, item in document["paths"].items()
        for method in _METHODS
        if method in item
    )


def _operation(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> Operation:
    parameters = {
        f"method.request.{_LOCATIONS[one['in']]}.{one['name']}": bool(one.get("required"))
        for one in operation.get("parameters", ())
    }
    body = body_name = None
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        body_name = schema["$ref"].rpartition("/")[2]
        body = {
            "$schema": "http://json-schema.org/draft-04/schema#",
            **_without_references(document, schema),
        }
    return Operation(path, method.upper(), operation["operationId"], parameters, body, body_name)


def _without_references(document: Mapping[str, Any], schema: Any) -> Any:
    """The schema with each reference replaced by what it refers to."""
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


def fingerprint(operations: tuple[Operation, ...], *more: str) -> str:
    """Text that changes with anything a deployment freezes."""
    shapes = [[one.path, one.method, one.parameters, one.body] for one in operations]
    return json.dumps([shapes, *more], sort_keys=True)
