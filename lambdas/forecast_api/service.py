"""Provides forecasts, devices and health, independently of HTTP and AWS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rest_api.call import Call
from rest_api.problems import Problem, unavailable

from contracts.models.forecast_input import QUANTILES
from forecast_api.forecasting import SERVING, Forecaster, Prediction
from forecast_api.history import DevicePage, HistorySource, Series, series_before_origin
from forecast_api.interactions import Interaction, InteractionLog
from forecast_api.requests import DevicesRequest, ForecastRequest

UNIT = "µg/m³"

NAMESPACE = "Lakecast/ForecastApi"
"""CloudWatch namespace of the metrics."""

METRICS = {
    "forecasts": "Count",
    "interactions_lost": "Count",
    "endpoint_latency": "Milliseconds",
}
"""Metrics of the service, with their units in CloudWatch."""

REFUSED = 409
"""Status of the problem of a series for which the model was not trained."""


@dataclass(frozen=True)
class Forecast:
    """A forecast and its request."""

    request: ForecastRequest
    origin: datetime
    prediction: Prediction
    endpoint: str
    variant: str

    def mean(self) -> tuple[float, ...]:
        """Return the mean in µg/m³ for each requested hour."""
        return self.prediction.mean[: self.request.horizon]

    def document(self, request_id: str) -> dict[str, Any]:
        """Return the forecast in the contract's form."""
        hours = range(self.request.horizon)
        return {
            "device_id": self.request.device_id,
            "pollutant": self.request.pollutant,
            "unit": UNIT,
            "origin": hour_text(self.origin),
            "hours": [hour_text(self.origin + timedelta(hours=hour)) for hour in hours],
            "quantiles": {
                level: list(self.prediction.quantiles[level][: self.request.horizon])
                for level in self.request.quantiles
            },
            "mean": list(self.mean()),
            "model": {"endpoint": self.endpoint, "variant": self.variant},
            "request_id": request_id,
        }


class ForecastService:
    """Answers the API's operations from history, a forecaster and a log of interactions."""

    def __init__(
        self, history: HistorySource, forecaster: Forecaster, interactions: InteractionLog
    ) -> None:
        self._history = history
        self._forecaster = forecaster
        self._interactions = interactions

    def forecasts(
        self, requests: Sequence[ForecastRequest], call: Call
    ) -> list[Forecast | Problem]:
        """Return a forecast or a problem for each request.

        Raises
        ------
        Problem
            No forecast is possible: the endpoint or the history is not available.
        """
        outcomes: list[Forecast | Problem]
        try:
            outcomes = self._carry_out(requests, call)
        except Problem as problem:
            outcomes = [problem] * len(requests)
            self._record(requests, outcomes, call)
            raise
        call.measures["forecasts"] = sum(isinstance(one, Forecast) for one in outcomes)
        self._record(requests, outcomes, call)
        return outcomes

    def devices(self, request: DevicesRequest) -> DevicePage:
        """Return a page of devices that have history."""
        return self._history.devices(request)

    def health(self) -> dict[str, Any]:
        """Return the endpoint's state.

        Raises
        ------
        Problem
            503 if the endpoint does not serve.
        """
        status = self._forecaster.status()
        if status not in SERVING:
            raise unavailable(f"endpoint {self._forecaster.endpoint} is {status}")
        return {
            "status": "ok",
            "endpoint": self._forecaster.endpoint,
            "endpoint_status": status,
        }

    def _carry_out(
        self, requests: Sequence[ForecastRequest], call: Call
    ) -> list[Forecast | Problem]:
        histories = self._history.recent({request.device_id for request in requests})
        prepared: list[Series | Problem] = []
        for request in requests:
            history = histories[request.device_id]
            try:
                prepared.append(
                    history
                    if isinstance(history, Problem)
                    else series_before_origin(history, request)
                )
            except Problem as problem:
                prepared.append(problem)
        series = [one for one in prepared if isinstance(one, Series)]
        if not series:
            return [one for one in prepared if isinstance(one, Problem)]
        requested = {level for request in requests for level in request.quantiles}
        quantiles = [level for level in QUANTILES if level in requested]
        predictions = iter(self._predict(series, quantiles, call))
        return [
            self._outcome(request, one, next(predictions)) if isinstance(one, Series) else one
            for request, one in zip(requests, prepared, strict=True)
        ]

    def _predict(
        self, series: Sequence[Series], quantiles: Sequence[str], call: Call
    ) -> list[tuple[Prediction, str] | Problem]:
        """Return for each series a prediction and its variant, or the problem of a refused one.

        The model refuses an invocation as a whole; the series are then sent again in halves.
        """
        try:
            answer = self._forecaster.predict(series, quantiles, call.request_id)
        except Problem as problem:
            if problem.status != REFUSED:
                raise
            if len(series) == 1:
                return [problem]
            half = len(series) // 2
            halves = (self._predict(s, quantiles, call) for s in (series[:half], series[half:]))
            return [one for part in halves for one in part]
        seconds = call.measures.get("endpoint_latency", 0.0) / 1000 + answer.seconds
        call.measures["endpoint_latency"] = seconds * 1000
        return [(prediction, answer.variant) for prediction in answer.predictions]

    def _outcome(
        self, request: ForecastRequest, series: Series, result: tuple[Prediction, str] | Problem
    ) -> Forecast | Problem:
        if isinstance(result, Problem):
            return result
        prediction, variant = result
        return Forecast(request, series.origin, prediction, self._forecaster.endpoint, variant)

    def _record(
        self,
        requests: Sequence[ForecastRequest],
        outcomes: Sequence[Forecast | Problem],
        call: Call,
    ) -> None:
        records = [
            self._interaction(position, request, outcome, call)
            for position, (request, outcome) in enumerate(zip(requests, outcomes, strict=True))
        ]
        call.measures["interactions_lost"] = self._interactions.write(records)

    def _interaction(
        self, position: int, request: ForecastRequest, outcome: Forecast | Problem, call: Call
    ) -> Interaction:
        common: dict[str, Any] = {
            "request_id": call.request_id,
            "position": position,
            "request": request,
            "asked_at": call.asked_at,
            "latency_ms": call.milliseconds(),
            "endpoint": self._forecaster.endpoint,
        }
        if isinstance(outcome, Problem):
            return Interaction(
                **common, status=outcome.status, problem=outcome.kind.name, origin=request.origin
            )
        return Interaction(
            **common,
            status=200,
            origin=outcome.origin,
            mean=outcome.mean(),
            variant=outcome.variant,
        )


def hour_text(moment: datetime) -> str:
    """Format a time as RFC 3339 in UTC, the contract's form."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
