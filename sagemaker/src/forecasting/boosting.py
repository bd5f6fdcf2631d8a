"""Gradient-boosted quantiles: one model a pollutant for all stations and leads, with LightGBM.

Every lead is forecast directly, from what stands before the origin, with the lead as a feature.
Days are dealt in blocks to folds; a model is trained without each fold and tells how far off it
is there, which calibrates the bands over all seasons; the forecast is the folds' mean.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from contracts.forecast_input import HORIZON
from forecasting.boosting_features import (
    LOOK_BACK,
    PastOfAll,
    Positions,
    Table,
    every_lead,
    scales_of,
)
from forecasting.calibration import Calibration
from forecasting.errors import ForecastingError
from forecasting.forecasters import BAND_LEVELS, Report
from forecasting.history import COLUMNS, TARGETS, History
from forecasting.metrics import Floats

BASE_LEVELS: Floats = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
"""Quantiles that are learned; those between are interpolated, then all are calibrated."""


@dataclass(frozen=True)
class BoostingSettings:
    """How the trees are grown.

    Parameters
    ----------
    origin_hours
        Hours from one training origin to the next, back from the end of the training. A day: what
        is learned at the hour at which is forecast serves better than as much of all hours.
    leads
        Leads drawn for each training origin.
    folds
        Groups of days, each kept from one of the models.
    block_days
        Days in a row that go to one fold; as long as weather lasts, and longer.
    trees
        LightGBM's parameters.
    outer_trees
        Those that differ for the quantiles below 0.25 and above 0.75: they rest on few values, and
        trees that suit the median follow the noise there.
    """

    origin_hours: int = 24
    leads: int = HORIZON
    folds: int = 4
    block_days: int = 14
    rounds: int = 200
    trees: Mapping[str, float] = field(
        default_factory=lambda: {
            "learning_rate": 0.07,
            "num_leaves": 24,
            "min_data_in_leaf": 300,
            "feature_fraction": 0.3,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "max_bin": 127,
        }
    )
    outer_trees: Mapping[str, float] = field(
        default_factory=lambda: {"num_leaves": 16, "min_data_in_leaf": 800}
    )


@dataclass(frozen=True)
class _Pollutant:
    """What was learned of one pollutant: a booster a fold and level, and the bands' factors."""

    folds: Sequence[Sequence[lgb.Booster]]
    calibration: Calibration


class Boosting:
    """Gradient-boosted quantiles of all stations and pollutants.

    Parameters
    ----------
    seed
        Same seed, same data: the same forecasts.
    """

    def __init__(self, seed: int, settings: BoostingSettings | None = None) -> None:
        self.seed = seed
        self.settings = settings or BoostingSettings()

    def fit(self, history: History, report: Report) -> None:
        """Learn every pollutant.

        Raises
        ------
        ForecastingError
            The history is too short.
        """
        end = history.values.shape[2]
        backwards = np.arange(end - HORIZON, LOOK_BACK - 1, -self.settings.origin_hours)
        positions = backwards[::-1]
        blocks = (positions - LOOK_BACK) // (self.settings.block_days * 24)
        if len(np.unique(blocks)) < 2 * self.settings.folds:
            days = LOOK_BACK // 24 + 2 * self.settings.folds * self.settings.block_days
            raise ForecastingError(f"boosting needs {days} days before TRAIN_END; got {end // 24}")
        random = np.random.default_rng(self.seed)
        leads = np.stack(
            [random.permutation(HORIZON)[: self.settings.leads] + 1 for _ in positions]
        )
        self._scales = scales_of(history)
        past = PastOfAll.before(history, positions, self._scales)
        self._pollutants: dict[str, _Pollutant | None] = {}
        for number, target in enumerate(TARGETS):
            self._pollutants[target] = self._learn(
                target,
                past.rows(target, leads),
                history.of(target)[:, positions[:, None] + leads - 1],
                leads,
                blocks % self.settings.folds,
                report=lambda share, number=number: report((number + share) / len(TARGETS)),  # type: ignore[misc]
            )

    def predict(self, history: History) -> Floats:
        end = history.values.shape[2]
        past = PastOfAll.before(history, np.array([end]), self._scales)
        leads = every_lead(1)
        stations = len(history.stations)
        found = np.zeros((stations, len(TARGETS), HORIZON, len(BAND_LEVELS)))
        for number, target in enumerate(TARGETS):
            model = self._pollutants[target]
            if model is None:
                continue  # never measured anywhere: no concentration to speak of
            rows = _with_station(past.rows(target, leads))
            rows = rows.reshape(-1, rows.shape[-1])
            told = np.mean([_quantiles(fold, rows) for fold in model.folds], axis=0)
            banded = model.calibration.apply(told, np.tile(leads[0], stations))
            scale = self._scales[:, COLUMNS.index(target)]
            found[:, number] = banded.reshape(stations, HORIZON, -1) * scale[:, None, None]
        return found

    def _learn(
        self,
        target: str,
        features: Table,
        values: Floats,
        leads: npt.NDArray[np.int64],
        fold_of_origin: Positions,
        *,
        report: Report,
    ) -> _Pollutant | None:
        scale = self._scales[:, COLUMNS.index(target)]
        rows = _with_station(features)
        shape = rows.shape[:3]
        there = np.isfinite(values)
        if not there.any():
            return None
        x = rows[there]
        y = (values / scale[:, None, None])[there]
        weight = np.broadcast_to(scale[:, None, None], shape)[there]
        fold = np.broadcast_to(fold_of_origin[None, :, None], shape)[there]
        lead = np.broadcast_to(leads[None], shape)[there]
        told = np.full((len(y), len(BASE_LEVELS)), np.nan)
        kept = [fold == number for number in range(self.settings.folds)]
        # a thread a fold: the cores need not wait for each other at every split
        with ThreadPoolExecutor(min(self.settings.folds, os.cpu_count() or 1)) as pool:
            folds = list(pool.map(lambda out: self._boosters(x[~out], y[~out], weight[~out]), kept))
        for out, boosters in zip(kept, folds, strict=True):
            told[out] = _quantiles(boosters, x[out])
        report(1.0)
        return _Pollutant(folds, Calibration.learn(BASE_LEVELS, told, y, lead))

    def _boosters(self, x: Table, y: Floats, weight: Floats) -> list[lgb.Booster]:
        parameters = {
            **self.settings.trees,
            "objective": "quantile",
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "feature_pre_filter": False,  # levels differ in the least data of a leaf
            "verbose": -1,
        }
        station = x.shape[1] - 1
        data = lgb.Dataset(
            x, y, weight=weight, categorical_feature=[station], params=parameters
        ).construct()
        return [
            lgb.train(
                {**parameters, **self._at(float(level)), "alpha": float(level)},
                data,
                self.settings.rounds,
            )
            for level in BASE_LEVELS
        ]

    def _at(self, level: float) -> Mapping[str, float]:
        return {} if 0.25 <= level <= 0.75 else self.settings.outer_trees


def _quantiles(boosters: Sequence[lgb.Booster], rows: Table) -> Floats:
    """Shape (rows, `BASE_LEVELS`), ascending."""
    told = [booster.predict(rows, num_threads=1) for booster in boosters]
    return np.sort(np.stack(told, axis=1), axis=1)


def _with_station(rows: Table) -> Table:
    number = np.arange(len(rows), dtype=np.float32)[:, None, None, None]
    return np.concatenate([rows, np.broadcast_to(number, (*rows.shape[:3], 1))], axis=3)
