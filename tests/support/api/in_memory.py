"""The forecast API with all its dependencies in memory, and events as API Gateway sends them."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from forecast_api.forecasting import Answer, Prediction
from forecast_api.history import Device, DevicePage, Series
from forecast_api.interactions import Interaction
from forecast_api.operations import handlers
from forecast_api.problems import model_does_not_fit, unknown_device
from forecast_api.requests import DevicesRequest
from forecast_api.service import METRICS, NAMESPACE, ForecastService
from rest_api.contract import operations
from rest_api.log import Log
from rest_api.problems import Problem
from rest_api.router import Router

from contracts.models.forecast_input import HORIZON, RecentHistory
from infra.modules.api.function_code import FORECAST_API
from infra.modules.api.openapi import function_contract, read

CONTRACT = function_contract(read(FORECAST_API))

START = "2017-02-01 00:00:00"
HOURS = 48
"""History from 1 February 2017, 00:00, to 2 February, 23:00."""


def history(device_id: str = "station-1", **target: list[float | None]) -> RecentHistory:
    """Returns a device's history, by default ozone of 0, 1, 2 … µg/m³."""
    series = target or {"ozone": [float(hour) for hour in range(HOURS)]}
    return RecentHistory(device_id, START, series, {name: [0, 0] for name in series})


@dataclass
class MemoryHistory:
    histories: dict[str, RecentHistory]

    def recent(self, device_ids: Collection[str]) -> dict[str, RecentHistory | Problem]:
        return {name: self.histories.get(name) or unknown_device(name) for name in device_ids}

    def devices(self, request: DevicesRequest) -> DevicePage:
        names = sorted(name for name in self.histories if name > (request.after or ""))
        page = tuple(Device(name, datetime(2017, 3, 1, tzinfo=UTC)) for name in names)
        more = len(page) > request.limit
        return DevicePage(
            page[: request.limit], page[request.limit - 1].device_id if more else None
        )


@dataclass
class LastValueForecaster:
    """Forecasts the last value; quantile q is that value times 2q.

    Like a container, it refuses a whole request that contains a series of a device in ``refused``.
    """

    endpoint: str = "lakecast-local-forecast"
    state: str = "InService"
    failure: Exception | None = None
    refused: tuple[int, ...] = ()
    asked: list[tuple[list[Series], list[str]]] = field(default_factory=list)

    def predict(
        self, series: Sequence[Series], quantiles: Sequence[str], request_id: str
    ) -> Answer:
        self.asked.append((list(series), list(quantiles)))
        if self.failure is not None:
            raise self.failure
        if any(one.cat[0] in self.refused for one in series):
            raise model_does_not_fit("cat was not trained on")
        last = [[value for value in one.target if value is not None][-1] for one in series]
        return Answer(
            tuple(
                Prediction(
                    {level: (value * 2 * float(level),) * HORIZON for level in quantiles},
                    (value,) * HORIZON,
                )
                for value in last
            ),
            "champion",
            0.004,
        )

    def status(self) -> str:
        if self.failure is not None:
            raise self.failure
        return self.state


@dataclass
class MemoryInteractionLog:
    written: list[Interaction] = field(default_factory=list)
    full: bool = False

    def write(self, interactions: Sequence[Interaction]) -> int:
        if self.full:
            return len(interactions)
        self.written.extend(interactions)
        return 0


class Api:
    """The API in memory; the requests to its dependencies are recorded."""

    def __init__(self, *histories: RecentHistory) -> None:
        self.history = MemoryHistory({one.device_id: one for one in histories or (history(),)})
        self.forecaster = LastValueForecaster()
        self.interactions = MemoryInteractionLog()
        self.stream = io.StringIO()
        service = ForecastService(self.history, self.forecaster, self.interactions)
        log = Log(self.stream, "local", NAMESPACE, METRICS)
        self.router = Router(operations(CONTRACT), handlers(service), log)

    def get(self, resource: str, query: dict[str, str] | None = None, **path: str) -> Any:
        return self.send(event("GET", resource, query, path=path))

    def forecast(self, device_id: str = "station-1", **query: str) -> Any:
        query.setdefault("pollutant", "ozone")
        return self.get("/v1/devices/{device_id}/forecast", query, device_id=device_id)

    def post(self, document: Any) -> Any:
        return self.send(event("POST", "/v1/forecasts", body=json.dumps(document)))

    def send(self, sent: dict[str, Any]) -> Any:
        return self.router.answer(sent, "request-of-lambda")

    def lines(self) -> list[dict[str, Any]]:
        """Returns the lines of the log."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


def event(
    method: str,
    resource: str,
    query: dict[str, str] | None = None,
    *,
    path: dict[str, str] | None = None,
    body: str | None = None,
) -> dict[str, Any]:
    """Returns an event of the Lambda proxy integration, payload version 1.0."""
    return {
        "httpMethod": method,
        "resource": resource,
        "path": resource.format(**(path or {})),
        "pathParameters": path or None,
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {k: [v] for k, v in (query or {}).items()} or None,
        "headers": {"x-api-key": "a-secret-that-must-not-be-logged"},
        "requestContext": {"requestId": "request-1", "stage": "local"},
        "body": body,
        "isBase64Encoded": False,
    }
