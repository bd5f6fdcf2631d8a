"""Validates values against botocore's models of AWS's operations, as AWS does.

boto3 checks names, types and required members, and the lower bounds of lengths. AWS also checks
upper bounds, numbers, patterns and enumerations:
https://smithy.io/2.0/spec/constraint-traits.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

from localcloud.cloud.java_patterns import compiled

IsUnknown = Callable[[Any], bool]
"""Whether a value is known only at run time, such as an expression of a state machine."""

_DOCUMENTED = {("sns", "Publish", "Subject"): r"[\x21-\x7e][\x20-\x7e]{0,98}"}
"""Patterns that only the documentation of a member states:
https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""
_NOT_NULL = "not be null"
_SENSITIVE = "***"


def _never(_value: Any) -> bool:
    return False


def request_violations(
    service: str, operation: str, request: Any, is_unknown: IsUnknown = _never
) -> list[str]:
    """Returns the violations for which AWS would refuse a request, in AWS's wording.

    Parameters
    ----------
    service, operation
        Names in botocore, such as ``sagemaker`` and ``CreateModel``.
    request
        Members as for boto3, or as sent in JSON: there, a blob is base64 and a time is a number.
    is_unknown
        Values that are not checked.
    """
    shape = operation_model(service, operation).input_shape
    if shape is None:
        return [_violation(request, operation, "be absent")] if request else []
    found = violations(shape, request, is_unknown)
    for (of_service, of_operation, member), pattern in _DOCUMENTED.items():
        value = request.get(member)
        if (service, operation) != (of_service, of_operation) or value is None:
            continue
        if not is_unknown(value) and not compiled(pattern).fullmatch(value):
            found.append(_pattern_violation(value, _camel(member), pattern))
    return found


def result_violations(service: str, operation: str, result: Any) -> list[str]:
    """Returns why AWS could not return a result; the result may lack members."""
    shape = operation_model(service, operation).output_shape
    if shape is None:
        return [_violation(result, operation, "be absent")] if result else []
    return [one for one in violations(shape, result) if not one.endswith(_NOT_NULL)]


def operation_model(service: str, operation: str) -> OperationModel:
    """Returns botocore's model of an operation."""
    return service_model(service).operation_model(operation)


@cache
def service_model(service: str) -> ServiceModel:
    """Returns botocore's model of a service by boto3's name of the service."""
    return botocore.session.get_session().get_service_model(service)


def violations(shape: Shape, value: Any, is_unknown: IsUnknown = _never) -> list[str]:
    """Returns the violations of a shape, each with the path of the member, expected and actual."""
    return list(_of(shape, value, "", is_unknown))


def _of(shape: Any, value: Any, path: str, is_unknown: IsUnknown) -> Iterator[str]:
    if is_unknown(value) or getattr(shape, "is_document_type", False):
        return
    kind: str = shape.type_name
    expected: Any = _TYPES[kind]
    if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        article = "an" if kind == "integer" else "a"
        yield _violation(value, path, f"be {article} {kind}")
        return
    yield from _of_limits(shape, value, path)
    if kind == "structure":
        yield from _of_structure(shape, value, path, is_unknown)
    elif kind == "list":
        for number, one in enumerate(value, start=1):
            yield from _of(shape.member, one, f"{path}.{number}.member", is_unknown)
    elif kind == "map":
        for key, one in value.items():
            yield from _of(shape.key, key, f"{path}.key", is_unknown)
            yield from _of(shape.value, one, f"{path}.{key}.member", is_unknown)


def _of_structure(shape: Any, value: Any, path: str, is_unknown: IsUnknown) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    for name in shape.required_members:
        if name not in value:
            yield _violation(None, prefix + _camel(name), _NOT_NULL)
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        yield _violation(", ".join(value), path, "have exactly one member set")
    for name, one in value.items():
        member = shape.members.get(name)
        if member is None:
            known = ", ".join(shape.members)
            yield _violation(one, prefix + _camel(name), f"be known to the service: one of {known}")
        else:
            yield from _of(member, one, prefix + _camel(name), is_unknown)


def _of_limits(shape: Any, value: Any, path: str) -> Iterator[str]:
    limits = shape.metadata
    if not limits or isinstance(value, datetime | bool):
        return
    is_number = isinstance(value, int | float)
    size = value if is_number else _length(shape, value)
    shown = _SENSITIVE if limits.get("sensitive") else value
    what = "value" if is_number else "length"
    if size < limits.get("min", size):
        yield _violation(shown, path, f"have {what} greater than or equal to {limits['min']}")
    if size > limits.get("max", size):
        yield _violation(shown, path, f"have {what} less than or equal to {limits['max']}")
    if "enum" in limits and value not in limits["enum"]:
        yield _violation(shown, path, f"satisfy enum value set: [{', '.join(limits['enum'])}]")
    if "pattern" in limits and not compiled(limits["pattern"]).fullmatch(value):
        yield _pattern_violation(shown, path, limits["pattern"])


def _length(shape: Shape, value: Any) -> int:
    if shape.type_name == "blob" and isinstance(value, str):  # base64
        return len(value) // 4 * 3 - value[-2:].count("=")
    return len(value)


def _pattern_violation(value: str, path: str, pattern: str) -> str:
    return _violation(value, path, f"satisfy regular expression pattern: {pattern}")


def _violation(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{value!s:.200}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: Member must {constraint}"


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]


_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "list": (list, tuple),
    "map": (dict,),
    "string": (str,),
    "character": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "bigdecimal": (int, float, str),
    "blob": (bytes, bytearray, str),
    "timestamp": (datetime, str, int, float),
}
