"""Translates resources of Terraform to CloudFormation's, guided by CloudFormation's schemas.

Names are matched without regard to case and underscores; `properties.toml` holds the types and
properties that are named or nested differently, and those that CloudFormation does not have, each
with its reason.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache, reduce
from pathlib import Path
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.support.sessions import REGION

UNKNOWN = {"Ref": "Unknown"}
"""A value that is known only after Terraform has applied: a parameter without a value."""
TERRAFORMS_OWN = frozenset({"//", "depends_on", "lifecycle", "provider"})
"""Arguments that every resource may have, and that never reach AWS."""
_REFERENCE = re.compile(r"(?<!\$)\$\{([^}]*)\}")
_VALUE, _EACH, _SPREAD = "$value", "$each", "..."

Schema = Mapping[str, Any]
Place = tuple[str | int, ...]


class TranslationError(ValueError):
    """A type or a property has neither a counterpart in CloudFormation nor a reason for that."""


@dataclass(frozen=True)
class Table:
    """A table of `properties.toml`: what differs for one of Terraform's types.

    Parameters
    ----------
    type
        Name in CloudFormation; None if it has no such type.
    names
        Path of a property in Terraform, to its place below its parent's: a name, a path such as
        ``A.B``, ``.`` for the parent itself, or an example in which ``$value`` (``$each`` in a
        list) stands for the value.
    inside
        Example of a whole resource in which ``... = "$value"`` stands for the properties, for
        types that CloudFormation has as part of another one.
    unset
        Path of a property, to the value for which the provider sends nothing.
    without
        Path of a property that is not translated, to the reason.
    reason
        Why CloudFormation has no such type.
    """

    type: str | None
    names: Mapping[str, Any] = field(default_factory=dict)
    inside: Mapping[str, Any] | None = None
    unset: Mapping[str, Any] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None


@dataclass
class Translation:
    """A resource as CloudFormation would have it.

    Parameters
    ----------
    places
        Path in Terraform of every translated value, to its places in ``properties``.
    without
        Paths in Terraform of the values that are not translated.
    """

    type: str
    properties: dict[str, Any]
    places: dict[str, list[Place]]
    without: set[str]

    def known(self) -> set[str]:
        """Returns the paths in Terraform of the values that are known before Terraform applies."""
        return {
            path
            for path, places in self.places.items()
            if any(self.at(place) != UNKNOWN for place in places)
        }

    def at(self, place: Place) -> Any:
        """Returns a part of the properties."""
        return reduce(lambda value, step: value[step], place, self.properties)

    def broken(self, places: Iterable[Place], value: Any) -> dict[str, Any]:
        """Returns a copy of the properties in which some have another value."""
        changed = deepcopy(self)
        for place in places:
            changed.at(place[:-1])[place[-1]] = value
        return changed.properties


@cache
def tables() -> dict[str, Table]:
    """Returns the tables of `properties.toml`."""
    text = (Path(__file__).parent / "properties.toml").read_text(encoding="utf-8")
    return {
        kind: Table(**({"type": _type_named(kind)} | rows))
        for kind, rows in tomllib.loads(text).items()
    }


def table_of(kind: str) -> Table:
    """Returns the table of a type, or an empty one for its counterpart of the same name.

    Raises
    ------
    TranslationError
        CloudFormation has no type of this name, and `properties.toml` says nothing about it.
    """
    if kind in tables():
        return tables()[kind]
    name = _type_named(kind)
    if name is None:
        raise TranslationError(f"expected CloudFormation's type for {kind} in properties.toml")
    return Table(name)


def translate(kind: str, resource: Mapping[str, Any], stack: Mapping[str, Any]) -> Translation:
    """Translates a resource of a synthesised stack, whose references to names are resolved.

    Raises
    ------
    TranslationError
        A property has neither a counterpart nor a reason.
    """
    table = table_of(kind)
    assert table.type is not None, table.reason
    work = _Work(kind, table, stack)
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, table.type).schema
    work.root = schema
    given = {name: one for name, one in resource.items() if name not in TERRAFORMS_OWN}
    inside = table.inside or {_SPREAD: _VALUE}
    found = work.filled(inside, schema, given, "")
    places: dict[str, list[Place]] = {}
    properties = _unmarked(found, (), places)
    return Translation(table.type, properties, places, work.without)


@dataclass(frozen=True)
class _Marked:
    """A translated value with its path in Terraform."""

    value: Any
    path: str


def _unmarked(value: Any, place: Place, places: dict[str, Any]) -> Any:
    if isinstance(value, _Marked):
        places.setdefault(value.path, []).append(place)
        return value.value
    if isinstance(value, dict):
        return {name: _unmarked(one, (*place, name), places) for name, one in value.items()}
    if isinstance(value, list):
        return [_unmarked(one, (*place, at), places) for at, one in enumerate(value)]
    return value


class _Work:
    """The translation of one resource."""

    def __init__(self, kind: str, table: Table, stack: Mapping[str, Any]) -> None:
        self.kind, self.table, self.stack = kind, table, stack
        self.root: Schema = {}
        self.without: set[str] = set()

    def filled(self, example: Any, schema: Schema, value: Any, path: str) -> Any:
        """Returns an example with the translated value in its place."""
        if example == _VALUE:
            return self.of_value(value, schema, path)
        if isinstance(example, list):
            items = self.resolved(schema).get("items", {})
            values = value if _EACH in json.dumps(example) else [value]
            return [
                self.filled(_with_value(one), items, element, path)
                for one in example
                for element in values
            ]
        if not isinstance(example, dict):
            return example
        result: dict[str, Any] = {}
        for name, below in example.items():
            if name == _SPREAD:
                _merge(result, self.of_object(value, self.resolved(schema), path))
            else:
                member = self.member(schema, name, path)
                _merge(result, {name: self.filled(below, member, value, path)})
        return result

    def member(self, schema: Schema, name: str, path: str) -> Schema:
        """Returns the schema of a property that a table names."""
        resolved = self.resolved(schema)
        if name not in resolved.get("properties", {}):
            raise TranslationError(f"{self.table.type} has no {name} for {self.kind}.{path}")
        below: Schema = resolved["properties"][name]
        return below

    def resolved(self, schema: Schema) -> Schema:
        """Returns what a schema refers to; of alternatives, all properties together."""
        while "$ref" in schema:
            target: Any = self.root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            schema = target
        options = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
        together: dict[str, Any] = {}
        for one in (*map(self.resolved, options), schema):
            properties = {**together.get("properties", {}), **one.get("properties", {})}
            together = {**together, **one} | ({"properties": properties} if properties else {})
        return together

    def of_value(self, value: Any, schema: Schema, path: str) -> Any:
        schema = self.resolved(schema)
        kinds = _types(schema)
        if isinstance(value, str) and "object" in kinds and value.startswith("{"):
            return _Marked(self.texts(json.loads(value)), path)
        if "array" in kinds and "object" not in kinds:
            return self.of_list(value, schema, path)
        if isinstance(value, list) and "object" in kinds:
            if len(value) != 1:
                raise TranslationError(f"{self.kind}.{path} is a list where one object is expected")
            (value,) = value
        if isinstance(value, dict) and "properties" in schema:
            return self.of_object(value, schema, path)
        return _Marked(self.texts(value), path)

    def of_list(self, value: Any, schema: Schema, path: str) -> Any:
        items = schema.get("items", {})
        fields = set(self.resolved(items).get("properties", {}))
        if isinstance(value, dict) and fields in ({"Key", "Value"}, {"Name", "Value"}):
            (key,) = fields - {"Value"}
            return [
                {key: _Marked(name, path), "Value": _Marked(self.texts(one), path)}
                for name, one in value.items()
            ]
        values = value if isinstance(value, list) else [value]
        return [self.of_value(one, items, path) for one in values]

    def of_object(self, value: Mapping[str, Any], schema: Schema, path: str) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, one in value.items():
            below = f"{path}.{name}".lstrip(".")
            if below in self.table.without:
                self.without.add(below)
                continue
            if below in self.table.unset and one == self.table.unset[below]:
                continue
            target = self.table.names.get(below) or self.name_of(schema, name, path)
            if target is None:
                raise TranslationError(
                    f"expected a counterpart in {self.table.type} for {self.kind}.{below}, or a "
                    f"reason in properties.toml; there are {', '.join(schema['properties'])}"
                )
            if target == ".":
                part = one[0] if isinstance(one, list) else one
                _merge(result, self.of_object(part, schema, below))
            else:
                _merge(result, self.filled(_example(target), schema, one, below))
        return result

    def name_of(self, schema: Schema, name: str, path: str) -> str | None:
        assert self.table.type is not None
        names = [name]
        if name == "name" and not path:  # such as RoleName of a role
            names.append(self.table.type.rpartition("::")[2] + "Name")
        return next(
            (
                one
                for wanted in names
                for one in schema.get("properties", {})
                if _plain(one) == _plain(wanted)
            ),
            None,
        )

    def texts(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.texts(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.texts(one) for one in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, value: str) -> Any:
        """Returns a text as AWS gets it; `UNKNOWN` if a part of it is not known."""
        resolved = _REFERENCE.sub(lambda found: self.referenced(found[1]) or found[0], value)
        return UNKNOWN if _REFERENCE.search(resolved) else resolved.replace("$${", "${")

    def referenced(self, reference: str) -> str | None:
        """Returns the value of another resource's argument if the stack states it."""
        kind, _, rest = reference.partition(".")
        name, _, attribute = rest.partition(".")
        value = self.stack["resource"].get(kind, {}).get(name, {}).get(attribute)
        return self.text(value) if isinstance(value, str) and "${" not in value else None


def values_of(value: Any, path: str = "") -> Iterator[str]:
    """Yields the path of every value of a resource; elements of a list have one path."""
    if isinstance(value, dict) and value:
        for name, one in value.items():
            if path or name not in TERRAFORMS_OWN:
                yield from values_of(one, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list) and value:
        for one in value:
            yield from values_of(one, path)
    else:
        yield path


def _example(target: Any) -> Any:
    if not isinstance(target, str):
        return target
    example: Any = _VALUE
    for name in reversed(target.split(".")):
        example = {name: example}
    return example


def _with_value(example: Any) -> Any:
    return json.loads(json.dumps(example).replace(json.dumps(_EACH), json.dumps(_VALUE)))


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, one in more.items():
        if isinstance(one, dict) and isinstance(into.get(name), dict):
            _merge(into[name], one)
        elif isinstance(one, list) and isinstance(into.get(name), list):
            into[name] += one
        else:
            into[name] = one


def _types(schema: Schema) -> set[str]:
    kinds = schema.get("type", "object" if "properties" in schema else [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


@cache
def _type_named(kind: str) -> str | None:
    return _types_by_name().get(_plain(kind))


@cache
def _types_by_name() -> dict[str, str]:
    return {_plain(one): one for one in PROVIDER_SCHEMA_MANAGER.get_resource_types(REGION)}
