"""Compares the API's forecasts of a past day with baselines that use the same history.

The data are split in time: a forecast at an origin uses the hours before it, and is compared with
the observed values from it on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from evaluation_container.scoring import metrics
from evaluation_container.scoring.baselines import BASELINES
from evaluation_container.scoring.metrics import Errors, Floats

from contracts.messages.telemetry import POLLUTANTS
from contracts.models.forecast_input import HORIZON, QUANTILES
from forecasting.api.client import Forecast, ForecastRequest, Refusal, hour_text
from forecasting.errors import ForecastingError
from forecasting.lake.hourly_series import HOUR, Lake, SeriesKey, keys_of

MODEL = "model"
"""Name of the API's forecasts in tables."""

OVERALL = "mean of pollutants"


class Forecasts(Protocol):
    """A source of forecasts."""

    def forecasts(self, requests: Sequence[ForecastRequest]) -> list[Forecast | Refusal]:
        """Return a forecast or a refusal for each request, in order."""


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation.

    Parameters
    ----------
    errors
        Errors by forecaster, then by pollutant and `OVERALL`.
    quantiles
        The API's forecasts by series, shape (hours, quantiles).
    refused
        Reasons of the API by series without a forecast.
    unobserved
        Series without a value before the origin or in the evaluated hours.
    """

    origin: datetime
    errors: Mapping[str, Mapping[str, Errors]]
    quantiles: Mapping[SeriesKey, Floats]
    refused: Mapping[SeriesKey, str]
    unobserved: tuple[SeriesKey, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``summary.json``."""
        return {
            "origin": hour_text(self.origin),
            "hours": HORIZON,
            "series": len(self.quantiles),
            "refused": {f"{k.device_id}/{k.pollutant}": why for k, why in self.refused.items()},
            "unobserved": [f"{key.device_id}/{key.pollutant}" for key in self.unobserved],
            "errors": {
                forecaster: {group: asdict(found) for group, found in by_group.items()}
                for forecaster, by_group in self.errors.items()
            },
        }


def default_origin(lake: Lake) -> datetime:
    """Return the origin of the last complete horizon: the default end of the training channel."""
    return lake.end - HORIZON * HOUR


def evaluate(lake: Lake, api: Forecasts, origin: datetime) -> Evaluation:
    """Forecast every series from an origin and compare with the observed values.

    Raises
    ------
    ForecastingError
        The origin is outside the data, or no series could be compared.
    """
    if not lake.start < origin < lake.end:
        raise ForecastingError(
            f"the origin must lie after {hour_text(lake.start)} and before {hour_text(lake.end)}, "
            f"where there are data; got {hour_text(origin)}"
        )
    keys = [key for key in keys_of(lake, POLLUTANTS) if _is_comparable(lake, key, origin)]
    answers = api.forecasts([ForecastRequest(key.device_id, key.pollutant, origin) for key in keys])
    quantiles, refused = {}, {}
    for key, answer in zip(keys, answers, strict=True):
        if isinstance(answer, Refusal):
            refused[key] = f"{answer.status}: {answer.detail}"
        else:
            quantiles[key] = np.array([answer.quantiles[name] for name in QUANTILES]).T
    if not quantiles:
        why = next(iter(refused.values()), "nothing was observed in those hours")
        raise ForecastingError(f"no series could be compared at {hour_text(origin)}: {why}")
    unobserved = tuple(key for key in lake.values if key not in keys)
    return Evaluation(origin, _compare(lake, origin, quantiles), quantiles, refused, unobserved)


def _is_comparable(lake: Lake, key: SeriesKey, origin: datetime) -> bool:
    """Return whether there are values both before the origin and in the forecast hours."""
    parts = (lake.before(key, origin), lake.between(key, origin, HORIZON))
    return all(np.isfinite(part).any() for part in parts)


def _compare(
    lake: Lake, origin: datetime, quantiles: Mapping[SeriesKey, Floats]
) -> dict[str, dict[str, Errors]]:
    """Compute the errors of the model and of every baseline on the same series and hours."""
    found: dict[str, dict[str, Errors]] = {MODEL: {}, **{name: {} for name in BASELINES}}
    for pollutant in dict.fromkeys(key.pollutant for key in quantiles):
        keys = [key for key in quantiles if key.pollutant == pollutant]
        actual = np.stack([lake.between(key, origin, HORIZON) for key in keys])
        histories = [lake.before(key, origin) for key in keys]
        scales = np.array([metrics.naive_scale(history) for history in histories])
        forecasts = {MODEL: np.stack([quantiles[key] for key in keys])} | {
            name: np.stack([baseline(history, HORIZON) for history in histories])
            for name, baseline in BASELINES.items()
        }
        for name, forecast in forecasts.items():
            found[name][pollutant] = metrics.errors(actual, forecast, scales)
    for by_group in found.values():
        by_group[OVERALL] = metrics.mean_errors(list(by_group.values()))
    return found
