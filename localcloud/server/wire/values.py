"""Names and values of members on the wire, and the request that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import Shape

UNREAD = object()
"""Stands for a member that is sent but not read, such as the content of an object."""

Query = Mapping[str, list[str]]


@dataclass(frozen=True)
class HttpRequest:
    """An HTTP request; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Query


def wire_name(shape: Shape, name: str) -> str:
    """Returns the name that a member has on the wire."""
    found: str = shape.serialization.get("name", name)
    return found


def form_name(shape: Any, name: str) -> str:
    """Returns the name of a member in a form or in XML, where a flattened list has its items'."""
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        return wire_name(shape.member, wire_name(shape, name))
    return wire_name(shape, name)


def typed(shape: Shape, text: str) -> Any:
    """Returns a text on the wire as a value of its shape; the text itself if it is none."""
    if shape.type_name == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if shape.type_name in ("integer", "long", "float", "double"):
        number = int if shape.type_name in ("integer", "long") else float
        try:
            return number(text)
        except ValueError:
            return text
    if shape.type_name == "list":  # in a header
        return [one.strip() for one in text.split(",")]
    return text
