"""Lets one smoke test at a time run in an environment: another one would remove its resources.

A lease is an item in the table of locks. It is renewed while the test runs, so the lease of a
killed test expires after `SECONDS`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from smoke.errors import SmokeError
from smoke.place import Place

SECONDS = 90
NAME = "smoke"


@contextmanager
def held(place: Place, patience: float = SECONDS + 10) -> Iterator[None]:
    """Holds the lease; waits for another one to expire.

    Parameters
    ----------
    patience
        Seconds to wait.

    Raises
    ------
    SmokeError
        Another smoke test runs, or the estate is not applied.
    """
    dynamodb = place.client("dynamodb")
    deadline = time.monotonic() + patience
    while not _take(dynamodb, place):
        if time.monotonic() > deadline:
            raise SmokeError(
                f"expected no other smoke test in {place.names.environment}; one is running: wait "
                "for its end"
            )
        time.sleep(1)
    ended = threading.Event()
    keeper = threading.Thread(target=_renew, args=(dynamodb, place, ended), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        with suppress(BotoCoreError, ClientError):  # it expires by itself
            dynamodb.delete_item(
                TableName=place.names.locks_table,
                Key={"name": {"S": NAME}},
                ConditionExpression="execution = :me",
                ExpressionAttributeValues={":me": {"S": place.run}},
            )


def _renew(dynamodb: Any, place: Place, ended: threading.Event) -> None:
    while not ended.wait(SECONDS / 4):
        try:
            _take(dynamodb, place)
        except (BotoCoreError, ClientError, SmokeError):
            continue  # the next attempt comes before the lease expires


def _take(dynamodb: Any, place: Place) -> bool:
    now = int(time.time())
    try:
        dynamodb.put_item(
            TableName=place.names.locks_table,
            Item={
                "name": {"S": NAME},
                "execution": {"S": place.run},
                "expires_at": {"N": str(now + SECONDS)},
            },
            ConditionExpression=(
                "attribute_not_exists(#name) OR expires_at < :now OR execution = :me"
            ),
            ExpressionAttributeNames={"#name": "name"},
            ExpressionAttributeValues={":now": {"N": str(now)}, ":me": {"S": place.run}},
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            return False
        if code == "ResourceNotFoundException":
            environment = place.names.environment
            raise SmokeError(
                f"expected the estate of {environment}; there is no table "
                f"{place.names.locks_table}: run `make plan apply ENV={environment}`"
            ) from None
        raise
    return True
