"""Finds the operation of a REST request by its path, and reads its members from all its parts.

https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from botocore.model import OperationModel, ServiceModel, Shape

from localcloud.cloud.aws_shapes import service_model
from localcloud.server.wire.documents import from_json, from_xml, read_json, read_xml
from localcloud.server.wire.values import UNREAD, HttpRequest, Query, typed, wire_name


@dataclass(frozen=True)
class _Route:
    """An operation's method and path; ``loose`` lets a label hold slashes, as ARNs do."""

    operation: str
    strict: re.Pattern[str]
    loose: re.Pattern[str]
    static_query: dict[str, list[str]]
    required_query: tuple[str, ...]
    required_headers: tuple[str, ...]
    literals: int
    is_deprecated: bool

    def asks_for(self, request: HttpRequest) -> int:
        """Returns how many required parameters a request has, or -1 if it lacks one."""
        lacks = any(name not in request.query for name in self.required_query) or any(
            name not in request.headers for name in self.required_headers
        )
        return -1 if lacks else len(self.required_query) + len(self.required_headers)


def find_operation(model: ServiceModel, request: HttpRequest) -> OperationModel | None:
    """Returns the operation whose method and path a request has, or None."""
    routes = [
        route
        for route in _routes(model.service_name).get(request.method, ())
        if all(request.query.get(name) == value for name, value in route.static_query.items())
    ]
    for pattern in ("strict", "loose"):
        found = [route for route in routes if getattr(route, pattern).fullmatch(request.path)]
        if found:
            best = max(
                found,
                key=lambda route: (
                    route.literals,
                    len(route.static_query),
                    route.asks_for(request),
                    not route.is_deprecated,
                ),
            )
            return model.operation_model(best.operation)
    return None


@cache
def _routes(service: str) -> dict[str, tuple[_Route, ...]]:
    model = service_model(service)
    found: dict[str, list[_Route]] = {}
    for name in model.operation_names:
        operation = model.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        labels = re.split(r"(\{[^}]*\})", path.rstrip("/") or "/")
        required = _required(operation.input_shape)
        route = _Route(
            name,
            re.compile("".join(_label(one, "[^/]+") for one in labels) + "/?"),
            re.compile("".join(_label(one, ".+") for one in labels) + "/?"),
            parse_qs(query, keep_blank_values=True),
            tuple(one["name"] for one in required if one.get("location") == "querystring"),
            tuple(one["name"].lower() for one in required if one.get("location") == "header"),
            sum(len(one) for one in labels[::2]),
            operation.deprecated,
        )
        found.setdefault(operation.http["method"], []).append(route)
    return {method: tuple(routes) for method, routes in found.items()}


def _required(shape: Any) -> list[dict[str, str]]:
    members = shape.members if shape else {}
    return [members[name].serialization for name in (shape.required_members if shape else ())]


def _label(part: str, value: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    name = part.strip("{}")
    return f"(?P<{_group(name)}>{'.+' if name.endswith('+') else value})"


def _group(name: str) -> str:
    return "_" + re.sub(r"\W", "_", name.rstrip("+"))


def from_http(operation: OperationModel, protocol: str, request: HttpRequest) -> dict[str, Any]:
    """Returns the members in the path, query string, headers and body of a request."""
    shape: Any = operation.input_shape
    payload = shape.serialization.get("payload")
    (route,) = (
        one
        for one in _routes(operation.service_model.service_name)[request.method]
        if one.operation == operation.name
    )
    labels: Any = route.strict.fullmatch(request.path) or route.loose.fullmatch(request.path)
    others = set(route.static_query) | {
        wire_name(member, name)
        for name, member in shape.members.items()
        if member.serialization.get("location") == "querystring" and member.type_name != "map"
    }
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        if location == "uri":
            found[name] = typed(member, labels[_group(wire_name(member, name))])
        elif location == "querystring":
            found[name] = _from_query(member, wire_name(member, name), request.query, others)
        elif location == "header":
            text = request.headers.get(wire_name(member, name).lower())
            found[name] = None if text is None else typed(member, text)
        elif location == "headers":
            start = wire_name(member, name).lower()
            found[name] = {
                key[len(start) :]: value
                for key, value in request.headers.items()
                if key.startswith(start)
            }
    if payload is not None:
        found[payload] = _payload(operation, shape.members[payload], protocol, request.body)
    elif request.body and protocol == "rest-xml":
        found |= from_xml(shape, read_xml(request.body))
    elif request.body:
        document = from_json(operation, shape, read_json(request.body))
        found |= document if isinstance(document, dict) else {"body": document}
    return {name: value for name, value in found.items() if value is not None}


def _payload(operation: OperationModel, shape: Shape, protocol: str, body: bytes) -> Any:
    if not body:
        return None
    if shape.type_name in ("blob", "string"):
        return UNREAD
    if protocol == "rest-xml":
        return from_xml(shape, read_xml(body))
    return from_json(operation, shape, read_json(body))


def _from_query(shape: Any, name: str, query: Query, others: set[str]) -> Any:
    """Returns a parameter; a map has all parameters except ``others``."""
    if shape.type_name == "map":
        left = {key: values for key, values in query.items() if key not in others}
        is_list = shape.value.type_name == "list"
        return {key: values if is_list else values[-1] for key, values in left.items()} or None
    if name not in query:
        return None
    if shape.type_name == "list":
        return [typed(shape.member, text) for text in query[name]]
    return typed(shape, query[name][-1])
