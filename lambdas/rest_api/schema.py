"""Validates values against the contract's JSON schemas and describes each fault.

https://horejsek.github.io/python-fastjsonschema/ compiles a schema to Python code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import fastjsonschema
from fastjsonschema import JsonSchemaValueException, JsonSchemaValuesException

Schema = Mapping[str, Any]
Fault = dict[str, str]
"""A place that breaks the contract (``at``), and the expected and actual value (``detail``)."""

LONGEST_SHOWN = 80
_DRAFT = "http://json-schema.org/draft-04/schema#"  # OpenAPI 3.0's, and API Gateway's


class Validator:
    """A compiled schema.

    Parameters
    ----------
    schema
        JSON schema without references.
    root
        Prefix of every place in the value: ``/`` for a body, so that places are JSON pointers;
        empty for parameters, so that places are their names.
    """

    def __init__(self, schema: Schema, root: str = "") -> None:
        self._root = root
        self._validate = fastjsonschema.compile(
            {"$schema": _DRAFT, **schema}, formats={"date-time": _exists}, fast_fail=False
        )

    def complete(self, value: Any) -> tuple[Any, list[Fault]]:
        """Fill in the schema's defaults and find all faults, at most one per place.

        A list of plain values is one place, even if several of its values are invalid.
        """
        try:
            return self._validate(value), []
        except JsonSchemaValuesException as error:
            faults: dict[str, str] = {}
            for one in error.errors:
                for at, detail in _faults(one):
                    faults.setdefault(self._place(at), detail)
            return value, [{"at": at, "detail": detail} for at, detail in faults.items()]

    def _place(self, path: list[str]) -> str:
        return self._root + "/".join(path) if path else "body"


def _faults(error: JsonSchemaValueException) -> Iterator[tuple[list[str], str]]:
    path, schema, value = error.path[1:], error.definition, error.value
    if error.rule == "required":
        for name in schema["required"]:
            if name not in value:
                yield [*path, name], f"is missing; it {_expected(schema['properties'][name])}"
    elif error.rule == "additionalProperties":
        known = ", ".join(schema["properties"])
        for name in value:
            if name not in schema["properties"]:
                yield [*path, name], f"is unknown; expected one of {known}"
    elif error.rule == "format":
        yield path, f"must be an existing day and time; got {shown(value)}"
    else:
        plain_item = bool(path) and path[-1].isdecimal() and schema.get("type") != "object"
        count = error.rule in ("minItems", "maxItems")
        got = f"{len(value)} items" if count else shown(value)
        yield path[:-1] if plain_item else path, f"{_expected(schema)}; got {got}"


def _expected(schema: Schema) -> str:
    if "enum" in schema:
        return f"must be one of {', '.join(map(str, schema['enum']))}"
    if "pattern" in schema:
        meaning = f" ({schema['description'].rstrip('.')})" if "description" in schema else ""
        return f"must match {schema['pattern']}{meaning}"
    match schema.get("type"):
        case "array":
            length = _range(schema, "minItems", "maxItems", "of")
            return f"must be a list{length} items" if length else "must be a list"
        case "integer":
            return f"must be a whole number{_range(schema, 'minimum', 'maximum', 'from')}"
        case "number":
            return f"must be a number{_range(schema, 'minimum', 'maximum', 'from')}"
        case kind:
            return f"must be {'an' if kind == 'object' else 'a'} {kind}"


def _range(schema: Schema, lowest: str, highest: str, word: str) -> str:
    if lowest in schema and highest in schema:
        return f" {word} {schema[lowest]} to {schema[highest]}"
    if lowest in schema:
        return f" {word} at least {schema[lowest]}"
    return f" {word} at most {schema[highest]}" if highest in schema else ""


def _exists(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def shown(value: Any) -> str:
    """Return the value as JSON, truncated if it is long."""
    text = json.dumps(value, allow_nan=False)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
