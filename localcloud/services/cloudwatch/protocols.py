"""Serves operations of CloudWatch in its three protocols: query, JSON and CBOR.

ministack parses each protocol by itself, and each operation drops other members. Here, requests are
read by botocore's model, so an operation is one function from request to response.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import ListShape, Shape, StructureShape
from ministack.services import cloudwatch

from localcloud.cloud.aws_api import AwsError, Response
from localcloud.cloud.aws_shapes import request_violations, service_model
from localcloud.cloud.request_members import Members

Request = dict[str, Any]
Operation = Callable[[Request], Request]
_MODEL = service_model("cloudwatch")
_NUMBERS: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "long": int,
    "double": float,
    "float": float,
    "boolean": lambda text: text == "true",
}


def install(name: str, operation: Operation, members: Members) -> None:
    """Replaces an operation of ministack.

    Parameters
    ----------
    name
        Name of the function in ministack, such as ``_put_metric_data``.
    """

    def serve(
        params: Mapping[str, Any], data: Request, is_cbor: bool, is_json: bool = False
    ) -> Response:
        title = "".join(word.capitalize() for word in name.split("_"))
        request = data if is_cbor or is_json else from_query(title, params)
        try:
            _check(title, request)
            members.check(request, "ValidationError")
            answer = operation(request)
        except AwsError as error:
            found: Response = cloudwatch._error(
                error.code, error.message, error.status, use_json=is_json, use_cbor=is_cbor
            )
            return found
        return _response(title, answer, is_cbor=is_cbor, is_json=is_json)

    setattr(cloudwatch, name, serve)


def _check(operation: str, request: Request) -> None:
    """Checks a request against the model, which the cloud's entry does not do for CBOR."""
    found = request_violations("cloudwatch", operation, request)
    if found:
        errors = "error" if len(found) == 1 else "errors"
        raise AwsError(
            "ValidationError", f"{len(found)} validation {errors} detected: {'; '.join(found)}"
        )


def _response(title: str, answer: Request, *, is_cbor: bool, is_json: bool) -> Response:
    found: Response
    if is_cbor:
        found = cloudwatch._cbor_ok(_timestamps_in_cbor(answer))
    elif is_json:
        found = cloudwatch._json_ok(answer)
    else:
        found = in_xml(title, answer)
    return found


def in_xml(operation: str, answer: Request) -> Response:
    """Returns a response in the query protocol."""
    shape = _MODEL.operation_model(operation).output_shape
    content = (
        "" if shape is None else f"<{operation}Result>{_xml_of(answer, shape)}</{operation}Result>"
    )
    response: Response = cloudwatch._xml(200, f"{operation}Response", content)
    return response


def from_query(operation: str, params: Mapping[str, Any]) -> Request:
    """Returns a form-encoded request."""
    found: Request = _from_query(params, _MODEL.operation_model(operation).input_shape, "") or {}
    return found


def _from_query(params: Mapping[str, Any], shape: Shape, prefix: str) -> Any:
    """Returns a member of a form-encoded request; None if it is absent."""
    if isinstance(shape, StructureShape):
        dotted = f"{prefix}." if prefix else ""
        found = {
            name: _from_query(params, member, f"{dotted}{name}")
            for name, member in shape.members.items()
        }
        return {name: value for name, value in found.items() if value is not None} or None
    if isinstance(shape, ListShape):
        start = f"{prefix}.member."
        numbers = {key[len(start) :].partition(".")[0] for key in params if key.startswith(start)}
        items = [
            _from_query(params, shape.member, f"{start}{number}")
            for number in sorted(filter(str.isdigit, numbers), key=int)
        ]
        return items or None
    if prefix not in params:
        return None
    text = str(cloudwatch._p(params, prefix))
    return _NUMBERS.get(shape.type_name, str)(text)


def _timestamps_in_cbor(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _timestamps_in_cbor(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_timestamps_in_cbor(one, name) for one in value]
    return cloudwatch._cbor_timestamp(value) if name.startswith("Timestamp") else value


def _xml_of(value: Any, shape: Shape) -> str:
    if isinstance(shape, StructureShape):
        return "".join(
            f"<{name}>{_xml_of(value[name], member)}</{name}>"
            for name, member in shape.members.items()
            if value.get(name) is not None
        )
    if isinstance(shape, ListShape):
        return "".join(f"<member>{_xml_of(one, shape.member)}</member>" for one in value)
    if shape.type_name == "map":
        return "".join(
            f"<entry><key>{escape(key)}</key><value>{one}</value></entry>"
            for key, one in value.items()
        )
    if shape.type_name == "timestamp":
        moment = value if isinstance(value, str) else datetime.fromtimestamp(value, UTC).isoformat()
        return escape(moment)
    if shape.type_name == "boolean":
        return "true" if value else "false"
    return escape(str(value))
