"""Refuses operations and request members that the local Glue would ignore.

`members.toml` has a section per operation that is served, in the format of `cloud.member_classes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.aws_shapes import operation_model
from localcloud.cloud.member_classes import Classes


@cache
def classes() -> Classes:
    """Returns the classes of the members of all operations."""
    return Classes.read([Path(__file__).with_suffix(".toml")], "InvalidInputException")


def check(operation: str, request: Mapping[str, Any], account_id: str) -> None:
    """Checks that every member of a request has the effect that it has on AWS.

    Raises
    ------
    AwsError
        Names the operation, or the members, that the local cloud does not support.
    """
    if operation not in classes().tables:
        raise AwsError(
            "UnknownOperationException", f"the local cloud does not support glue:{operation}"
        )
    shape = operation_model("glue", operation).input_shape
    if shape is not None:
        classes().check(operation, shape, request)
    catalogue = request.get("CatalogId", account_id)
    if catalogue != account_id:
        raise AwsError(
            "EntityNotFoundException",
            f"the local cloud has the catalogue {account_id} only; got CatalogId {catalogue}",
        )
