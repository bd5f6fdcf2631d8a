"""Release documents in DynamoDB: read, written and removed, one per workload."""

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

_KEY = {"workload": {"S": releases.WORKLOAD}}


def read(session: Any, names: Names) -> Release | None:
    """The release that is pinned; None where the newest approved version is wanted.

    Raises
    ------
    ForecastingError
        There is no table, or the item is no release.
    """
    with _table_expected(names):
        found = session.client("dynamodb").get_item(
            TableName=names.releases_table, Key=_KEY, ConsistentRead=True
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
    """Pin a release, whatever was pinned before.

    Raises
    ------
    ForecastingError
        There is no table.
    """
    serialized = TypeSerializer().serialize(_decimal(release.to_item()))
    with _table_expected(names):
        session.client("dynamodb").put_item(TableName=names.releases_table, Item=serialized["M"])


def remove(session: Any, names: Names) -> None:
    """Pin no release any more, so that the newest approved version is wanted.

    Raises
    ------
    ForecastingError
        There is no table.
    """
    with _table_expected(names):
        session.client("dynamodb").delete_item(TableName=names.releases_table, Key=_KEY)


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
    """DynamoDB's numbers as integers where they are whole, else as floats."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value


def _decimal(value: Any) -> Any:
    """Floats as DynamoDB's numbers, digit by digit as they are printed."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {name: _decimal(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_decimal(one) for one in value]
    return value
