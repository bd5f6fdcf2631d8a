"""Reads forms of the query protocol.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from localcloud.server.wire.values import HttpRequest, form_name, typed, wire_name


def form(request: HttpRequest) -> dict[str, list[str]]:
    """Returns the values in the query string and, over them, in the body, by name."""
    found = {name: list(values) for name, values in request.query.items()}
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        found |= parse_qs(request.body.decode(), keep_blank_values=True)
    return found


def from_form(shape: Any, given: Mapping[str, list[str]]) -> dict[str, Any]:
    """Returns the members of a form; names that the shape lacks are unknown members."""
    left = {name: values[-1] for name, values in given.items()}
    left.pop("Action", None)
    left.pop("Version", None)
    members = _structure_from_form(shape, left, "")
    # what the query string of a signed address holds is no member
    unknown = {name: one for name, one in left.items() if not name.startswith("X-Amz-")}
    return {**members, **unknown}


def _value_from_form(shape: Any, left: dict[str, str], prefix: str) -> Any:
    """Takes a member's value out of the form; returns None if it is not sent."""
    if shape.type_name == "structure":
        return _structure_from_form(shape, left, f"{prefix}.") or None
    if shape.type_name == "list":
        return _list_from_form(shape, left, prefix)
    if shape.type_name == "map":
        return _map_from_form(shape, left, prefix)
    text = left.pop(prefix, None)
    return None if text is None else typed(shape, text)


def _structure_from_form(shape: Any, left: dict[str, str], prefix: str) -> dict[str, Any]:
    found = {
        name: _value_from_form(member, left, prefix + form_name(member, name))
        for name, member in shape.members.items()
        if any(key.startswith(prefix) for key in left)
    }
    return {name: value for name, value in found.items() if value is not None}


def _list_from_form(shape: Any, left: dict[str, str], prefix: str) -> list[Any] | None:
    if left.get(prefix) == "":  # an empty list
        del left[prefix]
        return []
    if not shape.serialization.get("flattened"):
        prefix = f"{prefix}.{wire_name(shape.member, 'member')}"
    found = [_value_from_form(shape.member, left, key) for key in _numbered(left, prefix)]
    return found or None


def _map_from_form(shape: Any, left: dict[str, str], prefix: str) -> dict[str, Any] | None:
    if not shape.serialization.get("flattened"):
        prefix = f"{prefix}.entry"
    key_name, value_name = wire_name(shape.key, "key"), wire_name(shape.value, "value")
    found = {
        left.pop(f"{key}.{key_name}", ""): _value_from_form(
            shape.value, left, f"{key}.{value_name}"
        )
        for key in _numbered(left, prefix)
    }
    return found or None


def _numbered(left: Mapping[str, str], prefix: str) -> list[str]:
    start = f"{prefix}."
    numbers = {key[len(start) :].partition(".")[0] for key in left if key.startswith(start)}
    return [start + number for number in sorted(filter(str.isdigit, numbers), key=int)]
