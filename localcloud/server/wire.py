"""Reads the operation and its members from an HTTP request, by botocore's model of the service.

AWS's protocols: https://smithy.io/2.0/aws/protocols/index.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

from botocore.model import OperationModel, ServiceModel, Shape

from localcloud.cloud.aws_shapes import service_model

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


@dataclass(frozen=True)
class Call:
    """A call of an operation.

    Parameters
    ----------
    service, operation
        Names in botocore.
    protocol
        Protocol of the request, and therefore of the response.
    members
        The operation's input; a member that botocore does not know has its name on the wire.
    """

    service: str
    operation: str
    protocol: str
    members: dict[str, Any]


def call_of(services: tuple[str, ...], request: HttpRequest) -> Call | None:
    """Returns the call that a request makes to one of the services, or None if it makes none.

    Raises
    ------
    ValueError
        If the body is not JSON or XML, as the protocol requires.
    """
    for service in services:
        model = service_model(service)
        operation, protocol = _operation(model, request)
        if operation is not None:
            return Call(service, operation.name, protocol, _members(operation, protocol, request))
    return None


def _operation(model: ServiceModel, request: HttpRequest) -> tuple[OperationModel | None, str]:
    protocols = model.metadata.get("protocols", [model.metadata["protocol"]])
    prefix, _, name = request.headers.get("x-amz-target", "").rpartition(".")
    if "json" in protocols and name:
        is_known = prefix == model.metadata["targetPrefix"] and name in model.operation_names
        return (model.operation_model(name) if is_known else None), "json"
    if "query" in protocols:
        (name,) = _form(request).get("Action", [""])
        return (model.operation_model(name) if name in model.operation_names else None), "query"
    for protocol in ("rest-json", "rest-xml"):
        if protocol in protocols:
            return _route(model, request), protocol
    return None, ""


def _members(operation: OperationModel, protocol: str, request: HttpRequest) -> dict[str, Any]:
    shape = operation.input_shape
    if protocol == "json":
        body = _document(request.body or b"{}")
        members = body if shape is None else _from_json(operation, shape, body)
        return members if isinstance(members, dict) else {"body": body}
    if shape is None:
        return {}
    if protocol == "query":
        return _from_form(shape, _form(request))
    return _from_http(operation, protocol, request)


# --- JSON -------------------------------------------------------------------


def _document(body: bytes) -> Any:
    found = json.loads(body)
    return _without_nulls(found) if b"null" in body else found


def _without_nulls(value: Any) -> Any:
    """Removes members that are null, which AWS reads as absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def _from_json(operation: OperationModel, shape: Any, value: Any) -> Any:
    """Renames the members of a document from their names on the wire to those of the model."""
    is_renamed = _is_renamed(operation.service_model.service_name, operation.name)
    return _renamed(shape, value) if is_renamed else value


def _renamed(shape: Any, value: Any) -> Any:
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {_wire_name(member, name): name for name, member in shape.members.items()}
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
            _wire_name(member, name) != name or is_renamed(member) for name, member in _parts(shape)
        )

    shape = service_model(service).operation_model(operation).input_shape
    return shape is not None and is_renamed(shape)


def _parts(shape: Any) -> Iterator[tuple[str, Shape]]:
    if shape.type_name == "structure":
        yield from shape.members.items()
    elif shape.type_name == "list":
        yield _wire_name(shape.member, ""), shape.member
    elif shape.type_name == "map":
        yield _wire_name(shape.value, ""), shape.value


def _wire_name(shape: Shape, name: str) -> str:
    found: str = shape.serialization.get("name", name)
    return found


# --- the query protocol -------------------------------------------------------


def _form(request: HttpRequest) -> dict[str, list[str]]:
    found = {name: list(values) for name, values in request.query.items()}
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        found |= parse_qs(request.body.decode(), keep_blank_values=True)
    return found


def _from_form(shape: Any, form: Mapping[str, list[str]]) -> dict[str, Any]:
    left = {name: values[-1] for name, values in form.items()}
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
    return None if text is None else _typed(shape, text)


def _structure_from_form(shape: Any, left: dict[str, str], prefix: str) -> dict[str, Any]:
    found = {
        name: _value_from_form(member, left, prefix + _form_name(member, name))
        for name, member in shape.members.items()
        if any(key.startswith(prefix) for key in left)
    }
    return {name: value for name, value in found.items() if value is not None}


def _form_name(shape: Any, name: str) -> str:
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        return _wire_name(shape.member, _wire_name(shape, name))
    return _wire_name(shape, name)


def _list_from_form(shape: Any, left: dict[str, str], prefix: str) -> list[Any] | None:
    if left.get(prefix) == "":  # an empty list
        del left[prefix]
        return []
    if not shape.serialization.get("flattened"):
        prefix = f"{prefix}.{_wire_name(shape.member, 'member')}"
    found = [_value_from_form(shape.member, left, key) for key in _numbered(left, prefix)]
    return found or None


def _map_from_form(shape: Any, left: dict[str, str], prefix: str) -> dict[str, Any] | None:
    if not shape.serialization.get("flattened"):
        prefix = f"{prefix}.entry"
    key_name, value_name = _wire_name(shape.key, "key"), _wire_name(shape.value, "value")
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


# --- the REST protocols -------------------------------------------------------


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


def _route(model: ServiceModel, request: HttpRequest) -> OperationModel | None:
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


def _from_http(operation: OperationModel, protocol: str, request: HttpRequest) -> dict[str, Any]:
    shape: Any = operation.input_shape
    payload = shape.serialization.get("payload")
    (route,) = (
        one
        for one in _routes(operation.service_model.service_name)[request.method]
        if one.operation == operation.name
    )
    labels: Any = route.strict.fullmatch(request.path) or route.loose.fullmatch(request.path)
    others = set(route.static_query) | {
        _wire_name(member, name)
        for name, member in shape.members.items()
        if member.serialization.get("location") == "querystring" and member.type_name != "map"
    }
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        if location == "uri":
            found[name] = _typed(member, labels[_group(_wire_name(member, name))])
        elif location == "querystring":
            found[name] = _from_query(member, _wire_name(member, name), request.query, others)
        elif location == "header":
            text = request.headers.get(_wire_name(member, name).lower())
            found[name] = None if text is None else _typed(member, text)
        elif location == "headers":
            start = _wire_name(member, name).lower()
            found[name] = {
                key[len(start) :]: value
                for key, value in request.headers.items()
                if key.startswith(start)
            }
    if payload is not None:
        found[payload] = _payload(operation, shape.members[payload], protocol, request.body)
    elif request.body and protocol == "rest-xml":
        found |= _from_xml(shape, _xml(request.body))
    elif request.body:
        document = _from_json(operation, shape, _document(request.body))
        found |= document if isinstance(document, dict) else {"body": document}
    return {name: value for name, value in found.items() if value is not None}


def _payload(operation: OperationModel, shape: Shape, protocol: str, body: bytes) -> Any:
    if not body:
        return None
    if shape.type_name in ("blob", "string"):
        return UNREAD
    if protocol == "rest-xml":
        return _from_xml(shape, _xml(body))
    return _from_json(operation, shape, _document(body))


def _xml(body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)  # noqa: S314 - from a caller whose signature is valid
    except ElementTree.ParseError as error:
        raise ValueError(f"the body is not XML: {error}") from None


def _from_xml(shape: Any, element: ElementTree.Element) -> Any:
    """Returns the value of an element; elements that the shape lacks are unknown members."""
    if shape.type_name == "list":
        return [_from_xml(shape.member, child) for child in element]
    if shape.type_name != "structure":
        return _typed(shape, element.text or "")
    children: dict[str, list[ElementTree.Element]] = {}
    for child in element:
        children.setdefault(_local(child.tag), []).append(child)
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        wire_name = _form_name(member, name)
        if member.serialization.get("xmlAttribute"):
            attributes = {_local(key): text for key, text in element.attrib.items()}
            found[name] = attributes.get(wire_name.rpartition(":")[2])
        elif wire_name in children:
            elements = children.pop(wire_name)
            if member.type_name == "list" and member.serialization.get("flattened"):
                found[name] = [_from_xml(member.member, one) for one in elements]
            else:
                found[name] = _from_xml(member, elements[-1])
    known = {name: value for name, value in found.items() if value is not None}
    return {**known, **{name: elements[-1].text for name, elements in children.items()}}


def _local(name: str) -> str:
    """Returns the name of an element or attribute without its namespace."""
    return name.rpartition("}")[2]


def _from_query(shape: Any, name: str, query: Query, others: set[str]) -> Any:
    """Returns a parameter; a map has all parameters except ``others``."""
    if shape.type_name == "map":
        left = {key: values for key, values in query.items() if key not in others}
        is_list = shape.value.type_name == "list"
        return {key: values if is_list else values[-1] for key, values in left.items()} or None
    if name not in query:
        return None
    if shape.type_name == "list":
        return [_typed(shape.member, text) for text in query[name]]
    return _typed(shape, query[name][-1])


def _typed(shape: Shape, text: str) -> Any:
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
