"""Records requested and returned forecasts for a limited time, for later investigation."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from forecast_api.requests import ForecastRequest

_WRITES_A_CALL = 25
"""DynamoDB's limit of BatchWriteItem."""

_ATTEMPTS = 3


@dataclass(frozen=True)
class Interaction:
    """One requested forecast and its result.

    Parameters
    ----------
    request_id, position
        The API request, and the position in its batch.
    status
        HTTP status of this forecast; the status of its batch may differ.
    problem
        Kind of the problem, None if there was none.
    mean
        The forecast's mean in µg/m³ per hour; empty if there was a problem.
    variant
        Production variant that answered; None if none did.
    latency_ms
        The API's time for the whole request, until this record is written.
    """

    request_id: str
    position: int
    request: ForecastRequest
    asked_at: datetime
    status: int
    latency_ms: float
    endpoint: str
    problem: str | None = None
    origin: datetime | None = None
    mean: tuple[float, ...] = ()
    variant: str | None = None


class InteractionLog(Protocol):
    """Storage of interactions."""

    def write(self, interactions: Sequence[Interaction]) -> int:
        """Store the interactions; return the number of lost ones, without raising for them."""


class DynamoInteractionLog:
    """Interactions in DynamoDB, which deletes them after the retention time.

    Parameters
    ----------
    dynamodb
        Boto3 client of DynamoDB.
    table
        Name of the table: partition key ``device_id``, sort key ``asked_at``, TTL ``expires_at``.
    retention
        Time until an interaction expires.
    report
        Called with the number of lost interactions and the reason.
    """

    def __init__(self, dynamodb: Any, table: str, retention: timedelta, report: LossReport) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._retention = retention
        self._report = report

    def write(self, interactions: Sequence[Interaction]) -> int:
        """Write in as few calls as DynamoDB allows; throttled items are sent again."""
        puts: list[Mapping[str, Any]] = [
            {"PutRequest": {"Item": self._item(one)}} for one in interactions
        ]
        lost = 0
        for first in range(0, len(puts), _WRITES_A_CALL):
            lost += self._put(puts[first : first + _WRITES_A_CALL])
        return lost

    def _put(self, puts: list[Mapping[str, Any]]) -> int:
        for attempt in range(_ATTEMPTS):
            time.sleep(0.05 * attempt)
            try:
                answer = self._dynamodb.batch_write_item(RequestItems={self._table: puts})
            except (ClientError, BotoCoreError) as error:
                self._report(len(puts), str(error))
                return len(puts)
            puts = answer.get("UnprocessedItems", {}).get(self._table, [])
            if not puts:
                return 0
        self._report(len(puts), f"DynamoDB did not process them in {_ATTEMPTS} attempts")
        return len(puts)

    def _item(self, one: Interaction) -> dict[str, Any]:
        item = {
            "device_id": {"S": one.request.device_id},
            "asked_at": {"S": f"{_stamp(one.asked_at)}#{one.request_id}#{one.position:02d}"},
            "expires_at": {"N": str(int((one.asked_at + self._retention).timestamp()))},
            "request_id": {"S": one.request_id},
            "pollutant": {"S": one.request.pollutant},
            "horizon": {"N": str(one.request.horizon)},
            "quantiles": {"L": [{"S": level} for level in one.request.quantiles]},
            "status": {"N": str(one.status)},
            "latency_ms": {"N": f"{one.latency_ms:.1f}"},
            "endpoint": {"S": one.endpoint},
        }
        if one.problem is not None:
            item["problem"] = {"S": one.problem}
        if one.origin is not None:
            item["origin"] = {"S": _stamp(one.origin)}
        if one.mean:
            item["mean"] = {"L": [{"N": f"{value:.6g}"} for value in one.mean]}
        if one.variant is not None:
            item["variant"] = {"S": one.variant}
        return item


class LossReport(Protocol):
    """Callback for the number of lost interactions and the reason."""

    def __call__(self, count: int, reason: str) -> None: ...


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
