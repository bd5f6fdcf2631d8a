"""Reads, writes and removes release documents in DynamoDB, one per workload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from contracts.models import releases
from contracts.models.releases import Release, ReleaseError
from contracts.names import Names
from forecasting.errors import ForecastingError


def read(session: Any, names: Names) -> Release | None:
    """Returns the pinned release; None if the newest approved version should be served.

    Raises
    ------
    ForecastingError
        The table does not exist, or the item is not a valid release.
    """
    with _table_expected(names):
        found = session.client("dynamodb").get_item(
            TableName=names.releases_table, Key=_key(names), ConsistentRead=True
        )
    if "Item" not in found:
        return None
    deserialize = TypeDeserializer().deserialize
    try:
        return releases.read(names, _plain(deserialize({"M": found["Item"]})))
    except ReleaseError as error:
        raise ForecastingError(
            f"the release in {names.releases_table} is not carried out: {error}; write it again "
            "with `make deploy`, or remove it with `make approve VERSION=…`"
        ) from None


def write(session: Any, names: Names, release: Release) -> None:
    """Pins a release and replaces the one that was pinned before.

    Raises
    ------
    ForecastingError
        The table does not exist.
    """
    serialized = TypeSerializer().serialize(_decimal(release.to_item()))
    with _table_expected(names):
        session.client("dynamodb").put_item(TableName=names.releases_table, Item=serialized["M"])


def remove(session: Any, names: Names) -> None:
    """Removes the pinned release, so that the newest approved version is served.

    Raises
    ------
    ForecastingError
        The table does not exist.
    """
    with _table_expected(names):
        session.client("dynamodb").delete_item(TableName=names.releases_table, Key=_key(names))


def _key(names: Names) -> dict[str, dict[str, str]]:
    return {"workload": {"S": names.workload.name}}


@contextmanager
def _table_expected(names: Names) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise ForecastingError(
            f"there is no table {names.releases_table}: run `make plan` and `make apply` first"
        ) from None


def _plain(value: Any) -> Any:
    """Converts DynamoDB's numbers to integers if they are whole, otherwise to floats."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value


def _decimal(value: Any) -> Any:
    """Converts floats to DynamoDB's numbers with exactly the printed digits."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {name: _decimal(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_decimal(one) for one in value]
    return value
