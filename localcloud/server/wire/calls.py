"""Reads the operation and its members from an HTTP request, by botocore's model of the service.

AWS's protocols: https://smithy.io/2.0/aws/protocols/index.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel, ServiceModel

from localcloud.cloud.aws_shapes import service_model
from localcloud.server.wire.documents import from_json, read_json
from localcloud.server.wire.forms import form, from_form
from localcloud.server.wire.rest import find_operation, from_http
from localcloud.server.wire.values import HttpRequest


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
        (name,) = form(request).get("Action", [""])
        return (model.operation_model(name) if name in model.operation_names else None), "query"
    for protocol in ("rest-json", "rest-xml"):
        if protocol in protocols:
            return find_operation(model, request), protocol
    return None, ""


def _members(operation: OperationModel, protocol: str, request: HttpRequest) -> dict[str, Any]:
    shape = operation.input_shape
    if protocol == "json":
        body = read_json(request.body or b"{}")
        members = body if shape is None else from_json(operation, shape, body)
        return members if isinstance(members, dict) else {"body": body}
    if shape is None:
        return {}
    if protocol == "query":
        return from_form(shape, form(request))
    return from_http(operation, protocol, request)
