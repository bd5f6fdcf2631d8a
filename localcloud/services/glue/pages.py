"""Divides results into pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.aws_shapes import operation_model

_LARGEST = 100


def page(
    operation: str, member: str, items: list[Any], request: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the response with one page.

    Parameters
    ----------
    operation
        Name of the operation; its model limits the size of a page.
    member
        Member of the response that holds the items.
    items
        All items, in the same order at every call.

    Raises
    ------
    AwsError
        If ``NextToken`` is not one of this service.
    """
    first = _position(request.get("NextToken"))
    after = first + request.get("MaxResults", _largest(operation))
    response: dict[str, Any] = {member: items[first:after]}
    if after < len(items):
        response["NextToken"] = base64.urlsafe_b64encode(str(after).encode()).decode()
    return response


def _largest(operation: str) -> int:
    shape: Any = operation_model("glue", operation).input_shape
    size = shape.members.get("MaxResults")
    return _LARGEST if size is None else int(size.metadata.get("max", _LARGEST))


def _position(token: str | None) -> int:
    if token is None:
        return 0
    try:
        position = int(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error):
        position = -1
    if position < 0:
        raise AwsError(
            "InvalidInputException",
            f"expected NextToken of the previous response; got {token!r}",
        )
    return position
