"""Validates requests against botocore's models of AWS's operations.

boto3 checks names, types and required members only. Here lengths, numbers, patterns and
enumerations are checked as well, so a request that AWS would refuse fails in a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel, Shape

from tests.support.java_patterns import compiled

IsUnknown = Callable[[Any], bool]
"""Tells whether a value is known only at run time, such as an expression of a state machine."""


def is_expression(value: Any) -> bool:
    """Returns whether a value is a JSONata expression of a state machine."""
    return isinstance(value, str) and value.startswith("{%")


def complaints(
    service: str, operation: str, request: Any, is_unknown: IsUnknown = is_expression
) -> list[str]:
    """Returns the faults for which AWS would refuse a request, each with its path.

    Parameters
    ----------
    service, operation
        Names in botocore, such as ``sagemaker`` and ``CreateModel``.
    """
    shape = operation_model(service, operation).input_shape
    assert shape is not None, f"{operation} takes no input"
    return [
        *_of(shape, request, operation, is_unknown),
        *_beyond_the_model(service, operation, request, is_unknown),
    ]


_DOCUMENTED = {("sns", "Publish", "Subject"): r"[\x21-\x7e][\x20-\x7e]{0,98}"}
"""Patterns that only the documentation of a member states:
https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""


def _beyond_the_model(
    service: str, operation: str, request: Any, is_unknown: IsUnknown
) -> Iterator[str]:
    for (of_service, of_operation, member), pattern in _DOCUMENTED.items():
        value = request.get(member)
        if (service, operation) != (of_service, of_operation) or value is None:
            continue
        if not is_unknown(value) and not compiled(pattern).fullmatch(value):
            yield f"{operation}.{member} must match {pattern}; got {value!r}"


def faults_of_result(service: str, operation: str, result: Any) -> list[str]:
    """Returns why AWS could not give a result that a test makes up; it may lack members."""
    shape = operation_model(service, operation).output_shape
    assert shape is not None, f"{operation} returns nothing"
    found = _of(shape, result, operation, lambda _value: False)
    return [one for one in found if not one.endswith(" is required")]


def operation_model(service: str, operation: str) -> OperationModel:
    """Returns botocore's model of an operation."""
    return service_model(service).operation_model(operation)


@cache
def service_model(service: str) -> Any:
    """Returns botocore's model of a service."""
    return botocore.session.get_session().get_service_model(service)


def _of(shape: Shape, value: Any, place: str, is_unknown: IsUnknown) -> Iterator[str]:
    if is_unknown(value):
        return
    expected = _TYPES.get(shape.type_name)
    if expected is None:
        raise NotImplementedError(f"{place} is a {shape.type_name}")
    if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        yield f"{place} must be a {shape.type_name}; got {value!r}"
        return
    yield from _within_limits(shape, value, place)
    if shape.type_name == "structure":
        yield from _of_structure(shape, value, place, is_unknown)
    elif shape.type_name == "list":
        for number, one in enumerate(value):
            yield from _of(shape.member, one, f"{place}[{number}]", is_unknown)
    elif shape.type_name == "map":
        for key, one in value.items():
            yield from _of(shape.key, key, f"{place} key {key}", is_unknown)
            yield from _of(shape.value, one, f"{place}.{key}", is_unknown)


def _of_structure(shape: Any, value: Any, place: str, is_unknown: IsUnknown) -> Iterator[str]:
    for name in shape.required_members:
        if name not in value:
            yield f"{place}.{name} is required"
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        yield f"{place} must have one member; got {', '.join(value)}"
    for name, one in value.items():
        if name not in shape.members:
            yield f"{place}.{name} is unknown"
        else:
            yield from _of(shape.members[name], one, f"{place}.{name}", is_unknown)


def _within_limits(shape: Shape, value: Any, place: str) -> Iterator[str]:
    limits = shape.metadata
    if isinstance(value, datetime | bool):
        return
    is_number = isinstance(value, int | float)
    size = value if is_number else len(value)
    what = "" if is_number else "the length of "
    if "min" in limits and size < limits["min"]:
        yield f"{what}{place} must be at least {limits['min']}; got {value!r}"
    if "max" in limits and size > limits["max"]:
        yield f"{what}{place} must be at most {limits['max']}; got {value!r}"
    if "enum" in limits and value not in limits["enum"]:
        yield f"{place} must be one of {', '.join(limits['enum'])}; got {value!r}"
    if "pattern" in limits and not compiled(limits["pattern"]).fullmatch(value):
        yield f"{place} must match {limits['pattern']}; got {value!r}"


_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "list": (list, tuple),
    "map": (dict,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "blob": (bytes, str),
    "timestamp": (datetime, str, int, float),
}
