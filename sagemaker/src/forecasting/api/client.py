"""A client of the forecast API (contracts/apis/forecast.openapi.yaml)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from contracts.models.forecast_input import HORIZON, QUANTILES
from contracts.names import Names
from forecasting.errors import ForecastingError

BATCH = 50
"""Maximum number of requests in one call of the API."""

_TIMEOUT = urllib3.Timeout(connect=5, read=35)  # API Gateway's own timeout is 29 s


@dataclass(frozen=True)
class ForecastRequest:
    """A request for the forecast of one series.

    Parameters
    ----------
    origin
        First hour of the forecast, UTC; None is the hour after the last with data.
    """

    device_id: str
    pollutant: str
    origin: datetime | None = None
    horizon: int = HORIZON
    quantiles: tuple[str, ...] = QUANTILES

    def document(self) -> dict[str, Any]:
        """Return the request as an item of the API's batch."""
        document: dict[str, Any] = {
            "device_id": self.device_id,
            "pollutant": self.pollutant,
            "horizon": self.horizon,
            "quantiles": list(self.quantiles),
        }
        if self.origin is not None:
            document["origin"] = hour_text(self.origin)
        return document


@dataclass(frozen=True)
class Forecast:
    """A forecast of one series.

    Parameters
    ----------
    hours
        Hours of the forecast, UTC, from the origin.
    quantiles
        Values in µg/m³ for every hour, by quantile.
    """

    device_id: str
    pollutant: str
    hours: tuple[datetime, ...]
    quantiles: Mapping[str, tuple[float, ...]]
    mean: tuple[float, ...]
    variant: str

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Forecast:
        return cls(
            device_id=document["device_id"],
            pollutant=document["pollutant"],
            hours=tuple(datetime.fromisoformat(hour) for hour in document["hours"]),
            quantiles={name: tuple(row) for name, row in document["quantiles"].items()},
            mean=tuple(document["mean"]),
            variant=document["model"]["variant"],
        )


@dataclass(frozen=True)
class Refusal:
    """The reason why one series of a batch has no forecast."""

    status: int
    detail: str


class ForecastApi:
    """The API at one address.

    Parameters
    ----------
    url
        Address of the stage, without a trailing slash.
    key
        Value of ``x-api-key``.
    """

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._headers = {"x-api-key": key, "Accept": "application/json"}
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)

    @classmethod
    def find(cls, session: Any, names: Names) -> ForecastApi:
        """Find the environment's API and its key by their names.

        Raises
        ------
        ForecastingError
            The API or the key does not exist.
        """
        gateway = session.client("apigateway")
        found = [
            api["id"]
            for page in gateway.get_paginator("get_rest_apis").paginate()
            for api in page["items"]
            if api["name"] == names.api
        ]
        keys = [
            key["value"]
            for page in gateway.get_paginator("get_api_keys").paginate(
                nameQuery=names.api, includeValues=True
            )
            for key in page["items"]
            if key["name"] == names.api
        ]
        if not found or not keys:
            missing = "REST API" if not found else "API key"
            raise ForecastingError(
                f"no {missing} named {names.api}: run `make plan` and `make apply` first"
            )
        stages = [stage["stageName"] for stage in gateway.get_stages(restApiId=found[0])["item"]]
        if not stages:
            raise ForecastingError(f"REST API {names.api} is not deployed: run `make apply` again")
        return cls(stage_url(gateway.meta.endpoint_url, found[0], stages[0]), keys[0])

    def forecast(self, request: ForecastRequest) -> Forecast:
        """Request one forecast.

        Raises
        ------
        ForecastingError
            The API returned a problem, which is the message, or did not answer.
        """
        query = {
            "pollutant": request.pollutant,
            "horizon": str(request.horizon),
            "quantiles": ",".join(request.quantiles),
        }
        if request.origin is not None:
            query["origin"] = hour_text(request.origin)
        path = f"/v1/devices/{quote(request.device_id, safe='')}/forecast?{urlencode(query)}"
        return Forecast.from_json(self._call("GET", path))

    def forecasts(self, requests: Sequence[ForecastRequest]) -> list[Forecast | Refusal]:
        """Request many forecasts with as few calls as possible; return them in order.

        Raises
        ------
        ForecastingError
            The API rejected a whole call, or did not answer.
        """
        answers: list[Forecast | Refusal] = []
        for first in range(0, len(requests), BATCH):
            batch = [request.document() for request in requests[first : first + BATCH]]
            for item in self._call("POST", "/v1/forecasts", {"requests": batch})["forecasts"]:
                if "forecast" in item:
                    answers.append(Forecast.from_json(item["forecast"]))
                else:
                    problem = item["problem"]
                    answers.append(Refusal(int(problem["status"]), str(problem["detail"])))
        return answers

    def devices(self) -> list[str]:
        """Return every device that has history."""
        found: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = self._call("GET", f"/v1/devices?{urlencode({'limit': '1000', **after})}")
            found += [device["device_id"] for device in page["devices"]]
            if not page.get("next_after"):
                return found
            after = {"after": page["next_after"]}

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = self._pool.request(
                method,
                self.url + path,
                body=None if body is None else json.dumps(body, allow_nan=False).encode(),
                headers=headers,
            )
        except urllib3.exceptions.HTTPError as error:
            raise ForecastingError(f"{self.url} does not answer: {error}") from None
        try:
            document = json.loads(answer.data)
        except ValueError:
            document = {"detail": answer.data[:200].decode(errors="replace")}
        if answer.status != 200:
            detail = document.get("detail") or document.get("message") or document
            raise ForecastingError(f"the API answered {answer.status} to {method} {path}: {detail}")
        found: dict[str, Any] = document
        return found


def stage_url(endpoint_url: str, api_id: str, stage: str) -> str:
    """Return the address of a REST API's stage, given API Gateway's own endpoint.

    AWS serves API Gateway at ``apigateway.<domain>`` and each API at
    ``<id>.execute-api.<domain>``. Any other endpoint serves all of AWS at one address
    (``AWS_ENDPOINT_URL``), where an API has a path instead of a host name.
    """
    parts = urlsplit(endpoint_url)
    service, _, domain = (parts.hostname or "").partition(".")
    if service == "apigateway":
        return f"{parts.scheme}://{api_id}.execute-api.{domain}/{stage}"
    return f"{parts.scheme}://{parts.netloc}/restapis/{api_id}/{stage}/_user_request_"


def hour_text(hour: datetime) -> str:
    """Format a full hour as the API does."""
    return hour.astimezone(UTC).strftime("%Y-%m-%dT%H:00:00Z")
