"""Serves operations of CloudWatch in two of its protocols, query and JSON.

ministack parses each protocol by itself, and each operation drops other members. Here, requests are
read by botocore's model, so an operation is one function from request to response. The entry of the
local cloud has held them against the model, and refuses CBOR, CloudWatch's third protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import ListShape, Shape, StructureShape
from ministack.services import cloudwatch

from localcloud.cloud.aws_api import AwsError, Response
from localcloud.cloud.aws_shapes import service_model
from localcloud.services.cloudwatch.members import classes

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


def adapted(name: str, operation: Operation) -> Callable[..., Response]:
    """Returns an operation as a function of ministack, which refuses unsupported members.

    Parameters
    ----------
    name
        Name as in the model, such as ``PutMetricData``.
    """
    shape = _MODEL.operation_model(name).input_shape

    def serve(
        params: Mapping[str, Any], data: Request, _is_cbor: bool, is_json: bool = False
    ) -> Response:
        request = data if is_json else _from_query(params, shape, "") or {}
        try:
            classes().check(name, shape, request)
            answer = operation(request)
        except AwsError as error:
            found: Response = cloudwatch._error(
                error.code, error.message, error.status, use_json=is_json
            )
            return found
        if not is_json:
            return _in_xml(name, answer)
        response: Response = cloudwatch._json_ok(answer)
        return response

    return serve


def _in_xml(operation: str, answer: Request) -> Response:
    shape = _MODEL.operation_model(operation).output_shape
    content = (
        "" if shape is None else f"<{operation}Result>{_xml_of(answer, shape)}</{operation}Result>"
    )
    response: Response = cloudwatch._xml(200, f"{operation}Response", content)
    return response


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
