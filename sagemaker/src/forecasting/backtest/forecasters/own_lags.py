"""Gradient-boosted quantiles from each series' own history: a standard baseline.

This baseline stays unchanged: plain LightGBM with usual settings, one booster per pollutant and
quantile for all stations, on lags, means and the calendar. It uses no other series, weather, folds
or calibrated bands.
"""

from __future__ import annotations

import warnings

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
from evaluation_container.scoring.metrics import SEASON, Floats

from contracts.models.forecast_input import HORIZON
from forecasting.backtest.forecasters.base import BAND_LEVELS, Report
from forecasting.backtest.history import HOUR, History
from forecasting.errors import ForecastingError

LEARNED = np.array([0.025, *(level / 10 for level in range(1, 10)), 0.975])
"""Learned quantiles; the others of `BAND_LEVELS` are interpolated."""

ROUNDS = 300
LAGS = (2, 3, 4, 6, 9, 12, 18, 24)
MEANS = (3, 6, 12, 24, 72, 168, 672)
SPREADS = (24, 168)
DAYS_BACK = (1, 2, 3, 7)
LOOK_BACK = max(MEANS)
LAST_WITHIN = 6
"""Number of hours that are searched for the last value if the newest is missing."""

Positions = npt.NDArray[np.int64]


class OwnLags:
    """LightGBM quantiles of all stations, with one booster per pollutant and quantile.

    Parameters
    ----------
    seed
        Random seed; the same seed and data give the same forecasts.
    """

    def __init__(self, seed: int, rounds: int = ROUNDS) -> None:
        self.rounds = rounds
        self.parameters = {
            "objective": "quantile",
            "learning_rate": 0.05,
            "num_leaves": 31,
            "min_data_in_leaf": 200,
            "feature_fraction": 0.7,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbose": -1,
        }

    def fit(self, history: History, report: Report) -> None:
        """Train on origins one day apart, at the hour of the day at which the history ends.

        Raises
        ------
        ForecastingError
            The history is too short.
        """
        origins = np.arange(history.hours - HORIZON, LOOK_BACK - 1, -SEASON)[::-1]
        if not len(origins):
            raise ForecastingError(
                f"own-lags needs more than {LOOK_BACK + HORIZON} hours of training data; "
                f"got {history.hours}"
            )
        self._scales = _scales(history.targets())
        self._boosters: list[list[lgb.Booster]] = []
        for number in range(len(history.pollutants)):
            rows, value, weight = self._training(history, number, origins)
            data = lgb.Dataset(
                rows, value, weight=weight, categorical_feature=[0], params=self.parameters
            )
            boosters = []
            for level in LEARNED if len(value) else []:
                parameters = {**self.parameters, "alpha": level}
                boosters.append(lgb.train(parameters, data, self.rounds))
                done = number + len(boosters) / len(LEARNED)
                report(done / len(history.pollutants))
            self._boosters.append(boosters)

    def predict(self, history: History) -> Floats:
        recent = history.since(history.end - LOOK_BACK * HOUR)
        origin = np.array([recent.hours])
        found = np.zeros((len(history.stations), len(history.pollutants), HORIZON, len(LEARNED)))
        for number, boosters in enumerate(self._boosters):
            rows = np.concatenate(
                [self._rows(recent, station, number, origin) for station in range(len(found))]
            )
            predicted = [booster.predict(rows, num_threads=1) for booster in boosters]
            if predicted:  # a pollutant without any measurement is forecast as zero
                found[:, number] = np.stack(predicted, axis=1).reshape(len(found), HORIZON, -1)
        found = np.sort(np.clip(found, 0, None), axis=-1) * self._scales[..., None, None]
        return _interpolated(found)

    def _training(
        self, history: History, number: int, origins: Positions
    ) -> tuple[Floats, Floats, Floats]:
        """Return feature rows, observed values and weights, for every origin and lead with one."""
        rows, values, weights = [], [], []
        for station, scale in enumerate(self._scales[:, number]):
            ahead = origins[:, None] + np.arange(HORIZON)
            actual = history.targets()[station, number][ahead].ravel()
            there = np.isfinite(actual)
            rows.append(self._rows(history, station, number, origins)[there])
            values.append(actual[there] / scale)
            weights.append(np.full(int(there.sum()), scale))
        return np.concatenate(rows), np.concatenate(values), np.concatenate(weights)

    def _rows(
        self,
        history: History,
        station: int,
        number: int,
        origins: Positions,
    ) -> Floats:
        """Return features, shape (origins × hours, features); the first is the station."""
        values = history.targets()[station, number] / self._scales[station, number]
        at_origin = _at_origin(values)[origins]
        ahead = origins[:, None] + np.arange(HORIZON)
        days = [_before(values, ahead - SEASON * day) for day in range(1, 8)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # NaN without values, as intended
            week = [np.nanmean(days, axis=0), np.nanmax(days, axis=0)]
        at_lead = np.stack(
            [
                np.full(ahead.shape, station),
                np.broadcast_to(np.arange(1, HORIZON + 1), ahead.shape),
                *_calendar(history, ahead),
                *(days[day - 1] for day in DAYS_BACK),
                *week,
            ],
            axis=-1,
        )
        repeated = np.repeat(at_origin[:, None], HORIZON, axis=1)
        return np.concatenate([at_lead, repeated], axis=2).reshape(len(origins) * HORIZON, -1)


def _at_origin(values: Floats) -> Floats:
    """Return the features known before each hour and after the last; (hours + 1, features)."""
    known = pd.Series(np.append(values, np.nan)).shift(1)
    found = [known.ffill(limit=LAST_WITHIN), *(known.shift(lag - 1) for lag in LAGS)]
    found += [known.rolling(hours, max(1, hours // 4)).mean() for hours in MEANS]
    for hours in SPREADS:
        rolling = known.rolling(hours, hours // 4)
        found += [rolling.std(), rolling.min(), rolling.max()]
    return np.stack([one.to_numpy() for one in found], axis=1)


def _before(values: Floats, at: Positions) -> Floats:
    """Return the values at positions; NaN before the first value."""
    return np.where(at >= 0, values[np.maximum(at, 0)], np.nan)


def _calendar(history: History, ahead: Positions) -> list[Floats]:
    """Return hour of the day, weekday, and sine and cosine of the day of the year."""
    hours = np.datetime64(history.start, "h") + ahead
    day = hours.astype("datetime64[D]")
    angle = 2 * np.pi * (day - day.astype("datetime64[Y]")).astype(float) / 365.25
    return [
        (hours - day).astype(float),
        ((day.astype(int) + 3) % 7).astype(float),  # 1970-01-01 was a Thursday
        np.sin(angle),
        np.cos(angle),
    ]


def _scales(targets: Floats) -> Floats:
    """Return each series' divisor: its mean; 1 if it has no values, or only zeros."""
    there = np.isfinite(targets)
    means = np.where(there, targets, 0).sum(axis=2) / np.maximum(there.sum(axis=2), 1)
    return np.where(means > 0, means, 1.0)


def _interpolated(learned: Floats) -> Floats:
    """Interpolate quantiles from `LEARNED` to `BAND_LEVELS`."""
    right = np.clip(np.searchsorted(LEARNED, BAND_LEVELS), 1, len(LEARNED) - 1)
    weight = (BAND_LEVELS - LEARNED[right - 1]) / (LEARNED[right] - LEARNED[right - 1])
    between = learned[..., right - 1] * (1 - weight) + learned[..., right] * weight
    return np.asarray(between)
