"""Validates requests and responses of the forecast API against its OpenAPI document.

It reads the document with another library than the function does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from jsonschema import Draft4Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

DOCUMENT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[3] / "contracts" / "apis" / "forecast.openapi.yaml").read_text("utf-8")
)


MAX_BATCH: int = DOCUMENT["components"]["schemas"]["ForecastBatch"]["properties"]["requests"][
    "maxItems"
]


def strict(schema: Any) -> Any:
    """Returns the schema without undescribed members in any object."""
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
    """Asserts that the contract allows an operation's response, and returns its body."""
    operation = _operation(operation_id)
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
    """Asserts that a JSON value matches a schema of the document."""
    components = strict(DOCUMENT["components"])
    Draft4Validator({**strict(schema), "components": components}).validate(document)


def is_allowed(
    operation_id: str, path: Mapping[str, str], query: Mapping[str, str], body: Any = None
) -> bool:
    """Returns whether the document allows a request; undescribed parameters are refused."""
    operation = _operation(operation_id)
    given = {"path": {name: unquote(text) for name, text in path.items()}, "query": query}
    described = {(one["in"], one["name"]): one for one in operation.get("parameters", ())}
    if any((place, name) not in described for place in given for name in given[place]):
        return False
    for (place, name), parameter in described.items():
        if name not in given[place]:
            if parameter.get("required"):
                return False
        elif not _fits(parameter["schema"], _read(parameter["schema"], given[place][name])):
            return False
    if "requestBody" not in operation:
        return True
    return _fits(operation["requestBody"]["content"]["application/json"]["schema"], body)


def _operation(operation_id: str) -> dict[str, Any]:
    [operation] = [
        operation
        for item in DOCUMENT["paths"].values()
        for operation in item.values()
        if operation["operationId"] == operation_id
    ]
    return dict(operation)


def _read(schema: Mapping[str, Any], text: str) -> Any:
    """Parses a parameter of style ``form`` that is not exploded.

    https://spec.openapis.org/oas/v3.0.3#style-values
    """
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema["type"] == "array":
        return text.split(",")
    if schema["type"] == "integer" and re.fullmatch("-?[0-9]+", text):
        return int(text)
    return text


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Any:
    """Matches as ECMA 262 does, which JSON Schema uses: ``$`` does not match before a newline."""
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_FORMATS = FormatChecker(())
_FORMATS.checks("date-time", ValueError)(lambda text: bool(datetime.fromisoformat(text)))
_Validator = extend(Draft4Validator, {"pattern": _pattern})


def _fits(schema: Mapping[str, Any], value: Any) -> bool:
    whole = {**schema, "components": DOCUMENT["components"]}
    return bool(_Validator(whole, format_checker=_FORMATS).is_valid(value))
