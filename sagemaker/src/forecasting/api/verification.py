"""Compares the API's forecasts of past days with baselines that use the same history.

The data are split in time: a forecast at an origin uses the hours before it, and is compared with
the observed values from it on. The result of a single day depends too much on chance, so several
days are evaluated together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

MOST_DAYS = 7
"""Maximum number of days that are evaluated by default."""

_DAY = HORIZON * HOUR

ByForecaster = Mapping[str, Mapping[str, Errors]]
"""Errors by forecaster, then by pollutant and `OVERALL`."""


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
        Errors over all days.
    by_day
        Errors of each day, by origin.
    quantiles
        The API's forecasts by series and origin, shape (hours, quantiles).
    refused
        The API's first reason by series without a forecast.
    unobserved
        Series without a value before an origin or in the hours after it.
    """

    errors: ByForecaster
    by_day: Mapping[datetime, ByForecaster]
    quantiles: Mapping[SeriesKey, Mapping[datetime, Floats]]
    refused: Mapping[SeriesKey, str]
    unobserved: tuple[SeriesKey, ...]

    @property
    def origins(self) -> tuple[datetime, ...]:
        """First hours of the days."""
        return tuple(self.by_day)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``summary.json``."""
        return {
            "origins": [hour_text(origin) for origin in self.origins],
            "hours": HORIZON,
            "series": len(self.quantiles),
            "refused": {f"{k.device_id}/{k.pollutant}": why for k, why in self.refused.items()},
            "unobserved": [f"{key.device_id}/{key.pollutant}" for key in self.unobserved],
            "errors": _plain(self.errors),
            "days": {hour_text(origin): _plain(found) for origin, found in self.by_day.items()},
        }


def _plain(errors: ByForecaster) -> dict[str, Any]:
    return {
        forecaster: {group: found.to_json() for group, found in by_group.items()}
        for forecaster, by_group in errors.items()
    }


def held_out(lake: Lake, training_end: datetime | None) -> tuple[datetime, ...]:
    """Return the origins of the days after the training data, at most the last `MOST_DAYS`.

    If the end of the training data is not known, return only the last day, which is held out by
    default.
    """
    last = lake.end - _DAY
    first = min(training_end or last, last)
    days = max(1, round((lake.end - first) / _DAY))
    return tuple(first + day * _DAY for day in range(days))[-MOST_DAYS:]


def last_days(lake: Lake, days: int) -> tuple[datetime, ...]:
    """Return the origins of the last complete days."""
    return tuple(lake.end - day * _DAY for day in range(days, 0, -1))


def evaluate(lake: Lake, api: Forecasts, origins: Sequence[datetime]) -> Evaluation:
    """Forecast every series from each origin and compare with the observed values.

    Raises
    ------
    ForecastingError
        An origin is outside the data, or no series could be compared.
    """
    for origin in origins:
        if not lake.start < origin < lake.end:
            raise ForecastingError(
                f"the origin must lie after {hour_text(lake.start)} and before "
                f"{hour_text(lake.end)}, where there are data; got {hour_text(origin)}"
            )
    comparable = [
        (key, origin)
        for origin in origins
        for key in keys_of(lake, POLLUTANTS)
        if _is_comparable(lake, key, origin)
    ]
    answers = api.forecasts(
        [ForecastRequest(key.device_id, key.pollutant, origin) for key, origin in comparable]
    )
    quantiles: dict[SeriesKey, dict[datetime, Floats]] = {}
    refused: dict[SeriesKey, str] = {}
    for (key, origin), answer in zip(comparable, answers, strict=True):
        if isinstance(answer, Refusal):
            refused.setdefault(key, f"{answer.status}: {answer.detail}")
        else:
            forecast = np.array([answer.quantiles[name] for name in QUANTILES]).T
            quantiles.setdefault(key, {})[origin] = forecast
    if not quantiles:
        why = next(iter(refused.values()), "nothing was observed in those hours")
        raise ForecastingError(f"no series could be compared at {hour_text(origins[0])}: {why}")
    observed = {key for key, _ in comparable}
    unobserved = tuple(key for key in lake.values if key not in observed)
    days = [
        _Day(lake, key, origin, forecast)
        for key, forecasts in quantiles.items()
        for origin, forecast in forecasts.items()
    ]
    found = {origin: [day for day in days if day.origin == origin] for origin in origins}
    by_day = {
        origin: _errors(of_day)
        for origin, of_day in found.items()
        if any(day.has_scale for day in of_day)
    }
    if not by_day:
        raise ForecastingError(
            f"only zeros were observed in the {HORIZON} hours after "
            f"{', '.join(map(hour_text, origins))}: errors are shares of the observed values, and "
            "cannot be computed; choose other days"
        )
    return Evaluation(_errors(days), by_day, quantiles, refused, unobserved)


def _is_comparable(lake: Lake, key: SeriesKey, origin: datetime) -> bool:
    """Return whether there are values both before the origin and in the forecast hours."""
    parts = (lake.before(key, origin), lake.between(key, origin, HORIZON))
    return all(np.isfinite(part).any() for part in parts)


class _Day:
    """One series on one day: the observed values and every forecaster's quantiles of them."""

    def __init__(self, lake: Lake, key: SeriesKey, origin: datetime, forecast: Floats) -> None:
        history = lake.before(key, origin)
        self.pollutant = key.pollutant
        self.origin = origin
        self.actual = lake.between(key, origin, HORIZON)
        self.has_scale = bool(np.nansum(np.abs(self.actual)))
        self.scale = metrics.naive_scale(history)
        self.forecasts = {MODEL: forecast} | {
            name: baseline(history, HORIZON) for name, baseline in BASELINES.items()
        }


def _errors(days: Sequence[_Day]) -> ByForecaster:
    """Compute the errors of the model and of every baseline on the same series and hours.

    A pollutant without a value other than zero has no error as a share of its values.
    """
    found: dict[str, dict[str, Errors]] = {MODEL: {}, **{name: {} for name in BASELINES}}
    for pollutant in dict.fromkeys(day.pollutant for day in days if day.has_scale):
        same = [day for day in days if day.pollutant == pollutant]
        actual = np.stack([day.actual for day in same])
        scales = np.array([day.scale for day in same])
        for name, by_group in found.items():
            forecast = np.stack([day.forecasts[name] for day in same])
            by_group[pollutant] = metrics.errors(actual, forecast, scales)
    for by_group in found.values():
        by_group[OVERALL] = metrics.mean_errors(list(by_group.values()))
    return found
