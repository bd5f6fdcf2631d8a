"""Operations of the forecast API: each turns a valid request into the members of the response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_api.call import Call
from rest_api.contract import Request
from rest_api.problems import Problem
from rest_api.router import Handler

from forecast_api.requests import DevicesRequest, ForecastRequest
from forecast_api.service import Forecast, ForecastService, hour_text


def handlers(service: ForecastService) -> Mapping[str, Handler]:
    """Return the handler of each operation of the contract, by the operation's id."""

    def forecast(request: Request, call: Call) -> dict[str, Any]:
        [outcome] = service.forecasts([ForecastRequest.of(request.parameters)], call)
        if isinstance(outcome, Problem):
            raise outcome
        return outcome.document(call.request_id)

    def forecasts(request: Request, call: Call) -> dict[str, Any]:
        requests = [ForecastRequest.of(one) for one in request.body["requests"]]
        answers = [
            {"forecast" if isinstance(one, Forecast) else "problem": one.document(call.request_id)}
            for one in service.forecasts(requests, call)
        ]
        return {"forecasts": answers}

    def devices(request: Request, call: Call) -> dict[str, Any]:
        page = service.devices(DevicesRequest(**request.parameters))
        devices = [
            {"device_id": device.device_id, "updated_at": hour_text(device.updated_at)}
            for device in page.devices
        ]
        more = {} if page.next_after is None else {"next_after": page.next_after}
        return {"devices": devices, **more}

    def health(request: Request, call: Call) -> dict[str, Any]:
        return service.health()

    return {
        "listDevices": devices,
        "getForecast": forecast,
        "createForecasts": forecasts,
        "getHealth": health,
    }
