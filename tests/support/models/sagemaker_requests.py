"""Generates members of requests to SageMaker from botocore's shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

# Texts of which one fits each pattern of SageMaker's model.
_TEXTS = (
    "text",
    "1",
    "s3://bucket/key",
    "/opt/ml/processing/folder",
    "arn:aws:sagemaker:eu-west-1:000000000000:model-package/some/1",
    "arn:aws:sagemaker:eu-west-1:000000000000:training-plan/plan-000000000000",
    "arn:aws:sagemaker:eu-west-1:000000000000:ml-reservation/000000",
    "arn:aws:sagemaker:eu-west-1:000000000000:mlflow-app/app-ABCDEFGHIJ",
    "arn:aws:sagemaker:eu-west-1:aws:hub-content/hub/Model/name/1.0.0",
    "arn:aws:sagemaker:eu-west-1:000000000000:hub-content/hub/Model/name/1.0.0",
    "arn:aws:sagemaker:eu-west-1:aws:hub-content/hub/DataSet/name/1.0.0",
    "arn:aws:sagemaker:eu-west-1:000000000000:model-package-group/some",
    "arn:aws:iam::000000000000:role/jobs",
    "arn:aws:lambda:eu-west-1:000000000000:function:credentials",
    "arn:aws:sns:eu-west-1:000000000000:topic",
    "sha256:" + 64 * "0",
    "fs-0000000000",
    "application/json",
    "1.0.0",
    "4K",
)


def members(
    shape: Shape, path: str = "", inside: tuple[str, ...] = ()
) -> Iterator[tuple[str, Shape]]:
    """Yields path and shape of every member that has no members; lists have no part in a path."""
    if isinstance(shape, StructureShape) and shape.members:
        assert shape.name not in inside, f"{shape.name} contains itself"
        for name, member in shape.members.items():
            yield from members(member, f"{path}.{name}" if path else name, (*inside, shape.name))
    elif isinstance(shape, ListShape):
        yield from members(shape.member, path, inside)
    else:
        yield path, shape


def value(shape: Shape) -> Any:
    """Returns a valid value with the required members only."""
    if isinstance(shape, StructureShape):
        return {name: value(shape.members[name]) for name in shape.required_members}
    if isinstance(shape, ListShape):
        return [value(shape.member)]
    if isinstance(shape, MapShape):
        return {value(shape.key): value(shape.value)}
    low = shape.metadata.get("min", 1)
    if shape.type_name in ("integer", "long"):
        return low
    if shape.type_name in ("float", "double"):
        return float(low)
    if shape.type_name == "boolean":
        return True
    if shape.type_name == "timestamp":
        return 0.0
    return shape.enum[0] if getattr(shape, "enum", None) else _text(shape)


def _text(shape: Shape) -> str:
    pattern, low = shape.metadata.get("pattern"), shape.metadata.get("min", 0)
    for text in _TEXTS:
        padded = text.ljust(low, "0")
        if pattern is None or _matches(pattern, padded):
            return padded
    raise LookupError(f"no text here matches {pattern}, the pattern of {shape.name}")


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error:  # a pattern of Java's that Python does not know; the local cloud skips it
        return True


def with_member(shape: Shape, request: Any, path: str, given: Any) -> Any:
    """Returns a request with a value at a path, in structures with their required members."""
    if isinstance(shape, ListShape):
        first, *others = request or [None]
        return [with_member(shape.member, first, path, given), *others]
    if not path:
        return given
    assert isinstance(shape, StructureShape), f"{path} is not below a structure"
    name, _, rest = path.partition(".")
    found = value(shape) if request is None else request
    member = shape.members[name]
    return {**found, name: with_member(member, found.get(name), rest, given)}


def at(document: Any, path: str) -> Any:
    """Returns the value at a path of a request or response, in the first item of each list."""
    for name in path.split("."):
        while isinstance(document, list):
            document = document[0]
        document = document[name]
    return document[0] if isinstance(document, list) else document
