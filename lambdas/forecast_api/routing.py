"""From an event of API Gateway's Lambda proxy integration to its response.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from forecast_api.log import Log
from forecast_api.problems import Problem, fault, unknown_route
from forecast_api.service import Call, Forecast, ForecastService, hour_text
from forecast_api.validation import (
    Query,
    devices_from_query,
    forecast_from_query,
    forecasts_from_body,
)

Event = Mapping[str, Any]
Response = dict[str, Any]
Operation = Callable[[Event, Call], dict[str, Any]]


class Router:
    """Finds the operation for an event, carries it out and tells the outcome over HTTP.

    Parameters
    ----------
    service
        What carries operations out.
    log
        Gets one line with metrics for each call, and one more for each failure.
    """

    def __init__(self, service: ForecastService, log: Log) -> None:
        self._service = service
        self._log = log
        self._operations: dict[tuple[str, str], tuple[str, Operation]] = {
            ("GET", "/v1/devices"): ("listDevices", self._devices),
            ("GET", "/v1/devices/{device_id}/forecast"): ("getForecast", self._forecast),
            ("POST", "/v1/forecasts"): ("createForecasts", self._forecasts),
            ("GET", "/v1/health"): ("getHealth", self._health),
        }

    def answer(self, event: Event, fallback_request_id: str) -> Response:
        """Answer one event; every failure becomes a problem document."""
        context = event.get("requestContext") or {}
        call = Call(str(context.get("requestId") or fallback_request_id))
        method, resource = str(event.get("httpMethod", "")), str(event.get("resource", ""))
        name, operation = self._operations.get((method, resource), ("unknown", _no_operation))
        try:
            response = _response(200, "application/json", operation(event, call), call)
        except Problem as problem:
            if problem.status >= 500:
                self._log.write(
                    "ERROR",
                    problem.detail,
                    request_id=call.request_id,
                    cause=repr(problem.__cause__ or problem),
                )
            response = _problem_response(problem, call)
        except Exception as error:
            self._log.write(
                "ERROR",
                f"{type(error).__name__}: {error}",
                request_id=call.request_id,
                trace=traceback.format_exc(),
            )
            response = _problem_response(fault(), call)
        status = response["statusCode"]
        metrics = {"requests": 1, "server_errors": int(status >= 500), **call.measures}
        metrics["latency"] = call.milliseconds()
        self._log.measured(name, metrics, status=status, request_id=call.request_id)
        return response

    def _forecast(self, event: Event, call: Call) -> dict[str, Any]:
        # A name in a path may come percent-encoded; no valid device id has a percent sign.
        device_id = unquote((event.get("pathParameters") or {}).get("device_id") or "")
        request = forecast_from_query(device_id, _query(event))
        [outcome] = self._service.forecasts([request], call)
        if isinstance(outcome, Problem):
            raise outcome
        return outcome.document(call.request_id)

    def _forecasts(self, event: Event, call: Call) -> dict[str, Any]:
        requests = forecasts_from_body(_body(event))
        outcomes = self._service.forecasts(requests, call)
        answers = [
            {"forecast": outcome.document(call.request_id)}
            if isinstance(outcome, Forecast)
            else {"problem": outcome.document(call.request_id)}
            for outcome in outcomes
        ]
        return {"forecasts": answers}

    def _devices(self, event: Event, call: Call) -> dict[str, Any]:
        page = self._service.devices(devices_from_query(_query(event)))
        devices = [
            {"device_id": device.device_id, "updated_at": hour_text(device.updated_at)}
            for device in page.devices
        ]
        more = {} if page.next_after is None else {"next_after": page.next_after}
        return {"devices": devices, **more}

    def _health(self, event: Event, call: Call) -> dict[str, Any]:
        return self._service.health()


def _no_operation(event: Event, call: Call) -> dict[str, Any]:
    raise unknown_route(str(event.get("httpMethod", "?")), str(event.get("path", "?")))


def _query(event: Event) -> Query:
    values = event.get("multiValueQueryStringParameters")
    if values:
        return dict(values)
    # An event written by hand for a try-out often has the single values only.
    return {name: [value] for name, value in (event.get("queryStringParameters") or {}).items()}


def _body(event: Event) -> bytes:
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def _response(status: int, content_type: str, document: dict[str, Any], call: Call) -> Response:
    document = {**document, "request_id": call.request_id} if status == 200 else document
    return {
        "statusCode": status,
        "headers": {
            "Content-Type": content_type,
            "Cache-Control": "no-store",
            "X-Request-Id": call.request_id,
        },
        "body": json.dumps(document, allow_nan=False),
        "isBase64Encoded": False,
    }


def _problem_response(problem: Problem, call: Call) -> Response:
    document = problem.document(call.request_id)
    response = _response(problem.status, "application/problem+json", document, call)
    if problem.retry_after is not None:
        response["headers"]["Retry-After"] = str(problem.retry_after)
    return response
