"""Rolling-origin backtest: one training, then forecasts from several hours of every day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from evaluation_container.scoring import metrics
from evaluation_container.scoring.metrics import Floats
from evaluation_container.scoring.scores import Truth

from contracts.models.forecast_input import HORIZON, QUANTILES
from forecasting.backtest.forecasters.base import BAND_LEVELS, Forecaster, Report
from forecasting.backtest.history import HOUR, History
from forecasting.errors import ForecastingError

DAY = timedelta(days=1)
TRAINING_YEARS = 2
"""Years of training data, the same for every model; in older years, emissions were different."""

ORIGIN_HOURS = (0, 6, 12, 18)
"""Hours of the day to forecast from. A caller may ask at any hour, and the hour matters: from
midnight, the first hours ahead are the calm ones."""

ROUNDING = 1e-6
"""Tolerance in µg/m³ by which a quantile may be below the next lower one."""

SHOWN_HOURS = 48
"""Hours before an origin in a chart."""


def check_step(days: int) -> None:
    """Check the days between origins.

    Raises
    ------
    ForecastingError
        They are not positive.
    """
    if days < 1:
        raise ForecastingError(f"ORIGIN_STEP must be 1 day or more; got {days}")


def check_hours(hours: Sequence[int]) -> None:
    """Check the hours of the day of origins.

    Raises
    ------
    ForecastingError
        There are none, or they are not hours of the day in ascending order.
    """
    if not hours or list(hours) != sorted(set(hours)) or not set(hours) <= set(range(24)):
        given = ",".join(map(str, hours)) or "nothing"
        raise ForecastingError(
            f"ORIGIN_HOURS must be different hours from 0 to 23, ascending; got {given}"
        )


@dataclass(frozen=True)
class Plan:
    """The training period and the origins of a backtest.

    Parameters
    ----------
    train_end
        First hour after the training data; 00:00 in the data's time.
    test_end
        First day without an origin.
    origin_step
        Days between days with origins.
    origin_hours
        Hours of the day of the origins, ascending.
    """

    train_end: datetime
    test_end: datetime
    origin_step: int = 1
    origin_hours: Sequence[int] = ORIGIN_HOURS

    def __post_init__(self) -> None:
        check_step(self.origin_step)
        check_hours(self.origin_hours)
        if self.test_end <= self.train_end:
            raise ForecastingError(
                f"TEST_END must lie after TRAIN_END, {self.train_end:%Y-%m-%d}; "
                f"got {self.test_end:%Y-%m-%d}"
            )

    @property
    def train_start(self) -> datetime:
        """First hour of the training data."""
        start = pd.Timestamp(self.train_end) - pd.DateOffset(years=TRAINING_YEARS)
        found: datetime = start.to_pydatetime()
        return found

    def origins(self) -> list[datetime]:
        """Return the first hours of the forecasts, ascending."""
        days = range(0, (self.test_end - self.train_end) // DAY + 1, self.origin_step)
        found = [
            self.train_end + day * DAY + hour * HOUR for day in days for hour in self.origin_hours
        ]
        return [origin for origin in found if origin < self.test_end]


def check(history: History, plan: Plan) -> None:
    """Check that the data cover the plan.

    Raises
    ------
    ForecastingError
        The data start too late or end too early; the message gives their period.
    """
    span = f"the data are from {history.start:%Y-%m-%d %H:%M} to {history.end:%Y-%m-%d %H:%M}"
    if not np.isfinite(history.until(plan.train_end).targets()).any():
        raise ForecastingError(
            f"nothing was measured before TRAIN_END {plan.train_end:%Y-%m-%d}; {span}"
        )
    if plan.origins()[-1] >= history.end:
        raise ForecastingError(
            f"the last origin, {plan.origins()[-1]:%Y-%m-%d %H:%M}, lies after the data; {span}: "
            "give an earlier TEST_END"
        )


def forecasts(
    model: Forecaster, history: History, plan: Plan, report: Report = lambda _: None
) -> Floats:
    """Train a model and forecast from every origin.

    Returns
    -------
    Forecasts, shape (stations × pollutants, origins, hours, `BAND_LEVELS`).

    Raises
    ------
    ForecastingError
        The model cannot be trained on the history, or its forecasts are invalid.
    """
    report(0.0)
    known = history.since(plan.train_start)
    origins = plan.origins()
    model.fit(known.until(plan.train_end), lambda share: report(0.9 * share))
    found = []
    for number, origin in enumerate(origins, start=1):
        found.append(model.predict(known.until(origin)))
        report(0.9 + 0.1 * number / len(origins))
    return _checked(_by_series(np.stack(found, axis=2)))


def truth(history: History, plan: Plan) -> Truth:
    """Return the observed values at the plan's origins, station by station.

    Raises
    ------
    ForecastingError
        No value was observed in the forecast hours.
    """
    stations, pollutants = len(history.stations), len(history.pollutants)
    values = _by_series(history.targets())
    around = np.pad(values, ((0, 0), (SHOWN_HOURS, HORIZON)), constant_values=np.nan)
    firsts = [history.position(origin) + SHOWN_HOURS for origin in plan.origins()]
    actual = np.stack([around[:, first : first + HORIZON] for first in firsts], axis=1)
    if not np.nansum(np.abs(actual)):
        raise ForecastingError("nothing was observed in the forecast hours")
    training = history.since(plan.train_start).until(plan.train_end)
    return Truth(
        stations=np.repeat(history.stations, pollutants).tolist(),
        pollutants=history.pollutants * stations,
        origins=plan.origins(),
        actual=actual,
        before=np.stack([around[:, first - SHOWN_HOURS : first] for first in firsts], axis=1),
        scales=np.array([metrics.naive_scale(y) for y in _by_series(training.targets())]),
        levels=BAND_LEVELS,
    )


def table(truth: Truth, forecast: Floats) -> pd.DataFrame:
    """Return forecasts as rows of station, pollutant, origin (data's time), lead and quantiles."""
    published = truth.published(forecast)
    series, origin, lead = (axis.ravel() for axis in np.indices(published.shape[:3]))
    frame = pd.DataFrame(
        {
            "station": np.array(truth.stations, dtype=object)[series],
            "pollutant": np.array(truth.pollutants, dtype=object)[series],
            "origin": np.array(truth.origins, dtype="datetime64[ns]")[origin],
            "lead": lead + 1,
        }
    )
    frame[[f"q{level}" for level in QUANTILES]] = published.reshape(-1, len(QUANTILES))
    return frame


def write(path: Path, rows: pd.DataFrame) -> Path:
    """Write forecasts as Parquet; return the path.

    Raises
    ------
    ForecastingError
        The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(path, index=False)
    except OSError as error:
        raise ForecastingError(f"OUT {path} cannot be written: {error.strerror}") from None
    return path


def _checked(forecast: Floats) -> Floats:
    """Check forecasts for errors that metrics hide: NaN, negative values, crossing quantiles."""
    if not np.isfinite(forecast).all():
        raise ForecastingError("the model forecasts values that are not finite")
    if (forecast < 0).any():
        raise ForecastingError("the model forecasts concentrations below zero")
    if (np.diff(forecast, axis=-1) < -ROUNDING).any():
        raise ForecastingError("the model's forecast quantiles cross")
    return forecast


def _by_series(values: Floats) -> Floats:
    """Merge the axes of stations and pollutants."""
    return values.reshape(-1, *values.shape[2:])
