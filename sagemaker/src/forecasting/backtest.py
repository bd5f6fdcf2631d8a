"""Rolling-origin backtest: trained once, then a forecast a day out of what was known that day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from evaluation_container import metrics
from evaluation_container.metrics import Errors, Floats

from contracts.forecast_input import HORIZON, QUANTILES
from forecasting.errors import ForecastingError
from forecasting.forecasters import BAND_LEVELS, BANDS, PUBLISHED, Forecaster, Report
from forecasting.history import TARGETS, History

DAY = timedelta(days=1)
TRAINING_YEARS = 2
"""Years before the training's end that models learn from; the older ones are another climate of
emissions, and every model is given the same."""

OVERALL = "overall"


@dataclass(frozen=True)
class Plan:
    """Which origins are forecast from what training.

    Parameters
    ----------
    train_end
        First hour that is not trained on, and first origin; 00:00 local.
    test_end
        First day without an origin.
    origin_step
        Days from one origin to the next.
    """

    train_end: datetime
    test_end: datetime
    origin_step: int = 1

    def __post_init__(self) -> None:
        if self.origin_step < 1:
            raise ForecastingError(f"ORIGIN_STEP must be 1 day or more; got {self.origin_step}")
        if self.test_end <= self.train_end:
            raise ForecastingError(
                f"TEST_END must lie after TRAIN_END, {self.train_end:%Y-%m-%d}; "
                f"got {self.test_end:%Y-%m-%d}"
            )

    @property
    def train_start(self) -> datetime:
        """First hour that is trained on."""
        start = pd.Timestamp(self.train_end) - pd.DateOffset(years=TRAINING_YEARS)
        found: datetime = start.to_pydatetime()
        return found

    def origins(self) -> list[datetime]:
        """First hours of the forecasts, ascending."""
        days = range(0, (self.test_end - self.train_end) // DAY + 1, self.origin_step)
        found = [self.train_end + day * DAY for day in days]
        return [origin for origin in found if origin < self.test_end]


@dataclass(frozen=True)
class Score:
    """How good forecasts were.

    Parameters
    ----------
    coverage
        Share of values within each band of `BANDS`, by its percentage.
    """

    errors: Errors
    coverage: Mapping[int, float]


def forecasts(
    model: Forecaster, history: History, plan: Plan, report: Report = lambda _: None
) -> Floats:
    """Train a model and forecast from every origin.

    Returns
    -------
    Shape (stations, `TARGETS`, origins, hours, `BAND_LEVELS`).

    Raises
    ------
    ForecastingError
        The data begin too late or end too early for the plan.
    """
    known = history.since(plan.train_start)
    training = known.until(plan.train_end)
    origins = plan.origins()
    if not np.isfinite(training.targets()).any():
        raise ForecastingError(
            f"nothing was measured before TRAIN_END {plan.train_end:%Y-%m-%d}; "
            f"the data are of {history.start:%Y-%m-%d} to {history.end:%Y-%m-%d}"
        )
    if origins[-1] >= history.end:
        raise ForecastingError(
            f"the last origin, {origins[-1]:%Y-%m-%d}, lies after the data, which end with "
            f"{history.end:%Y-%m-%d %H:%M}; give an earlier TEST_END"
        )
    model.fit(training, lambda share: report(0.9 * share))
    found = []
    for number, origin in enumerate(origins, start=1):
        found.append(model.predict(known.until(origin)))
        report(0.9 + 0.1 * number / len(origins))
    return np.stack(found, axis=2)


def actuals(history: History, plan: Plan) -> Floats:
    """What came: shape (stations, `TARGETS`, origins, hours), NaN where nothing was observed."""
    stations = len(history.stations)
    after = np.full((stations, len(TARGETS), HORIZON), np.nan)
    values = np.concatenate([history.targets(), after], axis=2)
    firsts = [history.position(origin) for origin in plan.origins()]
    return np.stack([values[:, :, first : first + HORIZON] for first in firsts], axis=2)


def scores(history: History, plan: Plan, forecast: Floats) -> dict[str, Score]:
    """Score by pollutant, and their plain mean as `OVERALL`.

    Pollutants of which nothing came are left out.

    Raises
    ------
    ForecastingError
        Nothing was observed in any hour that was forecast.
    """
    training = history.since(plan.train_start).until(plan.train_end)
    actual = actuals(history, plan)
    found = {}
    for number, pollutant in enumerate(TARGETS):
        came = actual[:, number].reshape(len(actual), -1)
        if not np.nansum(np.abs(came)):
            continue
        told = forecast[:, number].reshape(*came.shape, len(BAND_LEVELS))
        scales = np.array([metrics.naive_scale(series[number]) for series in training.targets()])
        found[pollutant] = Score(
            metrics.errors(came, told[..., PUBLISHED], scales), _coverage(came, told)
        )
    if not found:
        raise ForecastingError("nothing was observed in the hours that were forecast")
    found[OVERALL] = Score(
        metrics.mean_errors([score.errors for score in found.values()]),
        {
            band: float(np.mean([score.coverage[band] for score in found.values()]))
            for band in BANDS
        },
    )
    return found


def table(history: History, plan: Plan, forecast: Floats) -> pd.DataFrame:
    """Forecasts as rows of station, pollutant, origin (local time), lead and quantiles."""
    origins = np.array(plan.origins(), dtype="datetime64[ns]")
    published = forecast[..., PUBLISHED]
    station, pollutant, origin, lead = (axis.ravel() for axis in np.indices(published.shape[:4]))
    frame = pd.DataFrame(
        {
            "station": np.array(history.stations, dtype=object)[station],
            "pollutant": np.array(TARGETS, dtype=object)[pollutant],
            "origin": origins[origin],
            "lead": lead + 1,
        }
    )
    frame[[f"q{level}" for level in QUANTILES]] = published.reshape(-1, len(QUANTILES))
    return frame


def write(path: Path, rows: pd.DataFrame) -> None:
    """Write forecasts as Parquet.

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


def _coverage(actual: Floats, forecast: Floats) -> dict[int, float]:
    observed = np.isfinite(actual)
    found = {}
    for band, (low, high) in BANDS.items():
        lower = forecast[..., int(np.searchsorted(BAND_LEVELS, low))]
        upper = forecast[..., int(np.searchsorted(BAND_LEVELS, high))]
        found[band] = float(((actual >= lower) & (actual <= upper))[observed].mean())
    return found
