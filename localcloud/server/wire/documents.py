"""Reads documents in JSON and XML as values of botocore's shapes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any
from xml.etree import ElementTree

from botocore.model import OperationModel, Shape

from localcloud.cloud.aws_shapes import service_model
from localcloud.server.wire.values import form_name, typed, wire_name


def read_json(body: bytes) -> Any:
    """Returns a JSON document without members that are null."""
    found = json.loads(body)
    return _without_nulls(found) if b"null" in body else found


def _without_nulls(value: Any) -> Any:
    """Removes members that are null, which AWS reads as absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def from_json(operation: OperationModel, shape: Any, value: Any) -> Any:
    """Renames the members of a document from their names on the wire to those of the model."""
    is_renamed = _is_renamed(operation.service_model.service_name, operation.name)
    return _renamed(shape, value) if is_renamed else value


def _renamed(shape: Any, value: Any) -> Any:
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {wire_name(member, name): name for name, member in shape.members.items()}
        renamed = {names.get(name, name): one for name, one in value.items()}
        return {
            name: _renamed(shape.members[name], one) if name in shape.members else one
            for name, one in renamed.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_renamed(shape.member, one) for one in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _renamed(shape.value, one) for key, one in value.items()}
    return value


@cache
def _is_renamed(service: str, operation: str) -> bool:
    """Whether a member at any depth has another name on the wire; most operations have none."""
    seen: set[str] = set()

    def is_renamed(shape: Shape) -> bool:
        if shape.name in seen:
            return False
        seen.add(shape.name)
        return any(
            wire_name(member, name) != name or is_renamed(member) for name, member in _parts(shape)
        )

    shape = service_model(service).operation_model(operation).input_shape
    return shape is not None and is_renamed(shape)


def _parts(shape: Any) -> Iterator[tuple[str, Shape]]:
    if shape.type_name == "structure":
        yield from shape.members.items()
    elif shape.type_name == "list":
        yield wire_name(shape.member, ""), shape.member
    elif shape.type_name == "map":
        yield wire_name(shape.value, ""), shape.value


def read_xml(body: bytes) -> ElementTree.Element:
    """Returns the root of a document; raises ValueError if the body is not XML."""
    try:
        return ElementTree.fromstring(body)  # noqa: S314 - from a caller whose signature is valid
    except ElementTree.ParseError as error:
        raise ValueError(f"the body is not XML: {error}") from None


def from_xml(shape: Any, element: ElementTree.Element) -> Any:
    """Returns the value of an element; elements that the shape lacks are unknown members."""
    if shape.type_name == "list":
        return [from_xml(shape.member, child) for child in element]
    if shape.type_name != "structure":
        return typed(shape, element.text or "")
    children: dict[str, list[ElementTree.Element]] = {}
    for child in element:
        children.setdefault(_local(child.tag), []).append(child)
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        wire_name = form_name(member, name)
        if member.serialization.get("xmlAttribute"):
            attributes = {_local(key): text for key, text in element.attrib.items()}
            found[name] = attributes.get(wire_name.rpartition(":")[2])
        elif wire_name in children:
            elements = children.pop(wire_name)
            if member.type_name == "list" and member.serialization.get("flattened"):
                found[name] = [from_xml(member.member, one) for one in elements]
            else:
                found[name] = from_xml(member, elements[-1])
    known = {name: value for name, value in found.items() if value is not None}
    return {**known, **{name: elements[-1].text for name, elements in children.items()}}


def _local(name: str) -> str:
    """Returns the name of an element or attribute without its namespace."""
    return name.rpartition("}")[2]
