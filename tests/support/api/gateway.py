"""Rules of API Gateway on models and on OpenAPI documents, beyond JSON Schema's own.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
Where versions of that page differ, a keyword that one of them lists counts as not supported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft4Validator, SchemaError

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
LARGEST_MODEL = 400_000
"""Bytes: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"""
_UNSUPPORTED = frozenset(
    {
        "additionalProperties", "allOf", "anyOf", "discriminator", "example", "exclusiveMinimum",
        "nullable", "oneOf", "readOnly",
    }
)  # fmt: skip
_SUPPORTED = frozenset(
    {
        "$ref", "$schema", "default", "definitions", "description", "enum", "exclusiveMaximum",
        "format", "items", "maxItems", "maxLength", "maxProperties", "maximum", "minItems",
        "minLength", "minProperties", "minimum", "multipleOf", "not", "pattern",
        "patternProperties", "properties", "required", "title", "type", "uniqueItems",
    }
)  # fmt: skip
"""Keywords of draft 4; its validators ignore all others, which then hold nothing."""
_FORMATS = frozenset({"decimal", "int32", "int64"})
_SEGMENT = re.compile(r"[A-Za-z0-9_.,:-]+|\{[A-Za-z0-9_.-]+\+?\}")
_RESERVED = ("/ping", "/sping")
_OF_PARAMETERS = frozenset({"name", "in", "required", "description", "schema", "style", "explode"})
"""Attributes of a parameter that API Gateway reads, and the form of a list, which it passes on."""


def faults_of_model(name: str, content_type: str, text: str, schema: Any) -> list[str]:
    """Returns why API Gateway would refuse a model, or not apply all of it.

    Parameters
    ----------
    text
        The schema as it is sent.
    """
    found = list(_faults(schema, name, _Rules("#/definitions/", schema)))
    if not re.fullmatch("[A-Za-z0-9]+", name):
        found.append(f"{name}: expected letters and digits only")
    if content_type != "application/json":
        found.append(f"{name}: expected application/json; got {content_type}")
    if len(text.encode()) > LARGEST_MODEL:
        found.append(f"{name}: expected at most {LARGEST_MODEL} bytes; got {len(text.encode())}")
    if schema.get("$schema") != DRAFT_4:
        found.append(f"{name}: expected $schema {DRAFT_4}; got {schema.get('$schema')}")
    return found


def faults_of_document(document: Mapping[str, Any]) -> list[str]:
    """Returns why API Gateway would refuse to import an OpenAPI document, or drop a part of it."""
    return [
        *_faults_of_head(document),
        *(
            fault
            for name, schema in document["components"]["schemas"].items()
            for fault in _faults_of_component(document, name, schema)
        ),
        *(
            fault
            for path, item in document["paths"].items()
            for fault in _faults_of_path(document, path, item)
        ),
    ]


def _faults_of_head(document: Mapping[str, Any]) -> Iterator[str]:
    if not re.fullmatch(r"3\.0\.\d+", document["openapi"]):
        yield f"openapi: expected 3.0; got {document['openapi']}"
    for kind in document["components"].keys() - {"schemas", "securitySchemes"}:
        yield f"components.{kind}: references to schemas only"
    for name, scheme in document["components"].get("securitySchemes", {}).items():
        if scheme["type"] != "apiKey":
            yield f"securitySchemes.{name}: expected apiKey; got {scheme['type']}"


def _faults_of_component(document: Mapping[str, Any], name: str, schema: Any) -> Iterator[str]:
    if not re.fullmatch("[A-Za-z0-9]+", name):
        yield f"{name}: expected letters and digits only"
    # additionalProperties is left out of models, and the function behind the API applies it
    rules = _Rules("#/components/schemas/", document, frozenset({"additionalProperties"}))
    yield from _faults(schema, name, rules)


def _faults_of_path(document: Mapping[str, Any], path: str, item: Any) -> Iterator[str]:
    if path in _RESERVED:
        yield f"{path} is reserved"
    for segment in path.strip("/").split("/"):
        if not _SEGMENT.fullmatch(segment):
            yield f"{path}: API Gateway does not support the segment {segment}"
    for method, operation in item.items():
        for one in operation.get("parameters", ()):
            for ignored in one.keys() - _OF_PARAMETERS:
                yield f"{method} {path} {one.get('name')}: {ignored} is ignored"
        for status, response in operation["responses"].items():
            for content in response.get("content", {}).values():
                schema = content["schema"]
                target = document["components"]["schemas"].get(
                    schema.get("$ref", "").rpartition("/")[2], schema
                )
                if target.get("type") != "object":
                    yield f"{method} {path} {status}: expected an object"
                if content.keys() != {"schema"}:
                    yield f"{method} {path} {status}: examples are not supported"


@dataclass(frozen=True)
class _Rules:
    """The place that references point to, the document that has it, and further keywords."""

    references: str
    document: Mapping[str, Any]
    allowed: frozenset[str] = frozenset()

    def accepts(self, schema: Mapping[str, Any], value: Any) -> bool:
        containers = {
            name: self.document[name]
            for name in ("components", "definitions")
            if name in self.document
        }
        return bool(Draft4Validator({**containers, "allOf": [schema]}).is_valid(value))


def _faults(schema: Any, place: str, rules: _Rules) -> Iterator[str]:
    try:
        Draft4Validator.check_schema(schema)
    except SchemaError as error:
        yield f"{place}: no schema of draft 4: {error.message}"
        return
    for keyword in schema.keys() - _SUPPORTED - rules.allowed:
        why = "is not supported" if keyword in _UNSUPPORTED else "is no keyword of draft 4"
        yield f"{place}: {keyword} {why}"
    if schema.get("format") in _FORMATS:
        yield f"{place}: the format {schema['format']} is not supported"
    if not schema.get("$ref", rules.references).startswith(rules.references):
        yield f"{place}: expected a reference within {rules.references}; got {schema['$ref']}"
    for name in {*schema.get("required", ())} - {*schema.get("properties", {})}:
        yield f"{place}: the required {name} is no property"
    if "default" in schema and not rules.accepts(schema, schema["default"]):
        yield f"{place}: the default {schema['default']!r} is not valid"
    for keyword in ("properties", "patternProperties", "definitions"):
        for name, one in schema.get(keyword, {}).items():
            yield from _faults(one, f"{place}.{name}", rules)
    items = schema.get("items", [])
    for one in items if isinstance(items, list) else [items]:
        yield from _faults(one, f"{place}[]", rules)
