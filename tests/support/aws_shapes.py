"""Validates requests against botocore's models of AWS's operations.

boto3 checks names, types and required members only. Here lengths, numbers, patterns and
enumerations are checked as well, so a request that AWS would refuse fails in a test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.model import Shape

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
    shape = _model(service).operation_model(operation).input_shape
    assert shape is not None, f"{operation} takes no input"
    return list(_of(shape, request, operation, is_unknown))


@cache
def _model(service: str) -> Any:
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
    is_number = isinstance(value, int | float)
    size = value if is_number else len(value)
    what = "" if is_number else "the length of "
    if "min" in limits and size < limits["min"]:
        yield f"{what}{place} must be at least {limits['min']}; got {value!r}"
    if "max" in limits and size > limits["max"]:
        yield f"{what}{place} must be at most {limits['max']}; got {value!r}"
    if "enum" in limits and value not in limits["enum"]:
        yield f"{place} must be one of {', '.join(limits['enum'])}; got {value!r}"
    if "pattern" in limits and not re.fullmatch(_python(limits["pattern"]), value):
        yield f"{place} must match {limits['pattern']}; got {value!r}"


_CLASSES = {
    r"\uD800\uDC00-\uDBFF\uDFFF": "\U00010000-\U0010ffff",  # surrogate pairs of UTF-16
    r"\p{Alnum}": "A-Za-z0-9",
    r"\p{L}": "A-Za-z\u00c0-\u024f",
    r"\p{M}": "\u0300-\u036f",
    r"\p{N}": "0-9",
    r"\p{P}": r"!-/:;?@\[-\]_{}\u2013-\u2026",
    r"\p{S}": r"$+<=>^`|~\u00b0-\u00b4",
    r"\p{Z}": " \u00a0",
}
"""Character classes that Python lacks, with the characters that our texts use."""


def _python(pattern: str) -> str:
    """Converts one of AWS's Java patterns to Python."""
    for name, characters in _CLASSES.items():
        pattern = pattern.replace(name, characters)
    # two patterns have a quantifier after the end anchor
    return re.sub(r"\$\{1,\d+\}$", "", pattern)


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
}
