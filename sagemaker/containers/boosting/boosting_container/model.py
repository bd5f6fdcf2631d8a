"""A trained model: the trees and calibration of each pollutant, and the forecast made from them.

The artefact is ``model.json`` and LightGBM's text files, so loading one runs no code from it.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from container_runtime.errors import SeriesError
from forecast_format.series import Series

from boosting_container import features, first_hours
from boosting_container.calibration import LEVELS, Calibration
from boosting_container.features import Columns, table
from boosting_container.hyperparameters import Hyperparameters
from boosting_container.windows import Table

SETTINGS_FILE = "model.json"
FORMAT = 5
"""Version of the artefact's format; raise it when the artefact or the features change."""

FIRST_HOURS, LATER = "first", "later"
SEGMENTS = (FIRST_HOURS, LATER)
"""Ranges of leads with trees of their own: up to `first_hours.LEADS`, and beyond."""

BASE_LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Learned quantiles; those between are interpolated, then all are calibrated."""

SAMPLING_SEED = 1
"""Fixed seed, so that the same request gives the same response."""

TARGET = "target"

Floats = npt.NDArray[np.float64]
Leads = npt.NDArray[np.int64]
Cat = tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """The trained boosters of one group of series, such as all of one pollutant.

    Parameters
    ----------
    segments
        By each of `SEGMENTS` within the horizon and fold of days, one booster per level of
        `BASE_LEVELS`. The forecast is the folds' mean.
    """

    segments: Mapping[str, Sequence[Sequence[lgb.Booster]]]
    calibration: Calibration

    def quantiles(self, rows: Table, leads: Leads) -> Floats:
        """Predict uncalibrated quantiles, shape (rows, `BASE_LEVELS`), ascending."""
        found = np.empty((len(rows), len(BASE_LEVELS)))
        for segment, folds in self.segments.items():
            mine = np.isin(leads, leads_of(segment, int(leads.max())))
            frame = Frame.of(segment, rows[mine])
            found[mine] = np.mean([frame.quantiles(boosters) for boosters in folds], axis=0)
        return found


@dataclass(frozen=True)
class Frame:
    """The features of a segment's trees, and what their quantiles are relative to.

    Parameters
    ----------
    offset, size
        Shape (rows, 1): a value is ``offset + size × predicted``.
    """

    features: Table
    offset: Floats
    size: Floats

    @classmethod
    def of(cls, segment: str, rows: Table) -> Frame:
        """Return the frame of feature rows of a segment's leads."""
        if segment == FIRST_HOURS:
            last, size = (rows[:, [place]] for place in (first_hours.LAST, first_hours.SIZE))
            return cls(rows, last.astype(np.float64), size.astype(np.float64))
        level = rows[:, [features.SIZE]].astype(np.float64)
        return cls(rows[:, first_hours.COLUMNS :], np.zeros_like(level), level)

    def quantiles(self, boosters: Sequence[lgb.Booster]) -> Floats:
        """Predict quantiles of the values, shape (rows, boosters), ascending."""
        predicted = [booster.predict(self.features, num_threads=1) for booster in boosters]
        return self.values(np.stack(predicted, axis=1))

    def values(self, predicted: Floats) -> Floats:
        """Return quantiles of the values from those that trees predicted, ascending."""
        return np.sort(self.offset + self.size * predicted, axis=1)


@dataclass(frozen=True)
class QuantileForecast:
    """A forecast made of quantiles.

    Parameters
    ----------
    values
        Values at `LEVELS`, shape (levels, time), ascending.
    """

    values: Floats
    num_samples: int = 100

    def mean(self) -> Floats:
        """Return the mean of the distribution of the quantiles, cut at the outermost ones."""
        levels = np.concatenate([[0.0], LEVELS, [1.0]])
        values = np.concatenate([self.values[:1], self.values, self.values[-1:]])
        return np.asarray(np.trapezoid(values, levels, axis=0))

    def quantiles(self, levels: Sequence[float]) -> Floats:
        return np.stack([np.interp(levels, LEVELS, at) for at in self.values.T], axis=1)

    def samples(self) -> Floats:
        """Return paths that keep their rank at every step: a high path is high throughout."""
        ranks = np.random.default_rng(SAMPLING_SEED).uniform(size=self.num_samples)
        return self.quantiles(ranks.tolist())


@dataclass(frozen=True)
class Boosting:
    """Gradient-boosted quantiles of all series.

    Parameters
    ----------
    scales
        Divisors of each series and its related series, by category.
    usual
        Divisors for series of a category that was not trained on, by group.
    groups
        Trained groups, by the last category of a series.
    is_nonnegative
        Whether all training values were at least zero; forecasts are then clipped at zero.
    """

    hyperparameters: Hyperparameters
    columns: Columns
    scales: Mapping[Cat, Mapping[str, float]]
    usual: Mapping[int, Mapping[str, float]]
    groups: Mapping[int, Group]
    is_nonnegative: bool

    @property
    def prediction_length(self) -> int:
        return self.hyperparameters.prediction_length

    @property
    def frequency(self) -> str:
        return self.hyperparameters.frequency

    @property
    def quantile_range(self) -> tuple[float, float]:
        """The outermost calibrated quantiles; nothing is known about values beyond them."""
        return float(LEVELS[0]), float(LEVELS[-1])

    def check(self, series: Series) -> None:
        """Raise `SeriesError` for a pollutant without training; a device may be new."""
        group, known = group_of(series), len(next(iter(self.scales)))
        if len(series.cat) != known:
            raise SeriesError(f"cat must hold {known} categories; got {list(series.cat)}")
        if group not in self.groups:
            raise SeriesError(
                f"cat ends with {group}, which was not trained on; known: {sorted(self.groups)}"
            )
        steps = len(series.target) + self.prediction_length
        if not self.columns.dynamic and len(series.dynamic_feat):
            raise SeriesError("dynamic_feat must be absent: the model was trained without it")
        if self.columns.dynamic and series.dynamic_feat.shape != (self.columns.dynamic, steps):
            raise SeriesError(
                f"dynamic_feat must hold {self.columns.dynamic} lists of {steps} values (target "
                f"and prediction_length); got {list(map(len, series.dynamic_feat))}"
            )

    def forecast(self, series: Sequence[Series], num_samples: int) -> list[QuantileForecast]:
        found: list[QuantileForecast | None] = [None] * len(series)
        for group in {group_of(one) for one in series}:
            mine = [place for place, one in enumerate(series) if group_of(one) == group]
            values = self._quantiles(group, [series[place] for place in mine])
            for place, one in zip(mine, values, strict=True):
                found[place] = QuantileForecast(one, num_samples)
        return [one for one in found if one is not None]

    def _quantiles(self, group: int, series: Sequence[Series]) -> Floats:
        """Return quantiles, shape (series, `LEVELS`, time)."""
        horizon, model = self.prediction_length, self.groups[group]
        leads = range(1, horizon + 1)
        scales = [self._scales(one) for one in series]
        rows = np.concatenate(
            [
                rows_of(one, self.columns, scale, np.array([len(one.target)]), leads)
                for one, scale in zip(series, scales, strict=True)
            ]
        )
        lead = np.tile(leads, len(series))
        calibrated = model.calibration.apply(model.quantiles(rows, lead), lead)
        calibrated = calibrated.reshape(len(series), horizon, len(LEVELS))
        values = calibrated * np.array([scale[TARGET] for scale in scales])[:, None, None]
        return np.moveaxis(np.clip(values, 0, None) if self.is_nonnegative else values, 1, 2)

    def _scales(self, series: Series) -> Mapping[str, float]:
        known = self.scales.get(series.cat)
        if known is not None:
            return known
        usual = dict(self.usual[group_of(series)])
        for name, values in {TARGET: series.target, **series.related}.items():
            if name in usual and usual[name] != 1.0 and np.isfinite(values).any():
                # the scale of values around zero is their size, not their mean
                usual[name] = float(np.nanmean(np.abs(values))) or usual[name]
        return usual

    def save(self, folder: Path) -> None:
        """Write the artefact into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            "format": FORMAT,
            "hyperparameters": self.hyperparameters.to_json(),
            "related": self.columns.related,
            "dynamic": self.columns.dynamic,
            "scales": [{"cat": cat, "by": dict(by)} for cat, by in self.scales.items()],
            "usual": {str(group): dict(by) for group, by in self.usual.items()},
            "calibration": {
                str(k): group.calibration.to_json() for k, group in self.groups.items()
            },
            "is_nonnegative": self.is_nonnegative,
        }
        (folder / SETTINGS_FILE).write_text(
            json.dumps(document, indent=1, allow_nan=False), encoding="utf-8"
        )
        for key, group in self.groups.items():
            for segment, folds in group.segments.items():
                for number, boosters in enumerate(folds):
                    for level, booster in zip(BASE_LEVELS, boosters, strict=True):
                        text = booster.model_to_string()
                        packed = gzip.compress(text.encode(), mtime=0)  # equal models, equal bytes
                        _trees(folder, key, segment, number, level).write_bytes(packed)

    @classmethod
    def load(cls, folder: Path) -> Boosting:
        """Read an artefact.

        Raises
        ------
        OSError, ValueError
            The folder holds no model, or one that this version cannot read.
        """
        document = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
        found = document.get("format") if isinstance(document, dict) else None
        if found != FORMAT:
            raise ValueError(
                f"{SETTINGS_FILE}: expected format {FORMAT}, got {found!r}; the model was written "
                "by another version of the container"
            )
        try:
            return cls._read(folder, document)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{SETTINGS_FILE} is damaged: {error!r}") from None

    @classmethod
    def _read(cls, folder: Path, document: Mapping[str, Any]) -> Boosting:
        hyperparameters = Hyperparameters(**document["hyperparameters"])
        groups = {
            int(key): Group(
                {
                    segment: [
                        [
                            _booster(_trees(folder, int(key), segment, number, level))
                            for level in BASE_LEVELS
                        ]
                        for number in range(hyperparameters.folds)
                    ]
                    for segment in SEGMENTS
                    if leads_of(segment, hyperparameters.prediction_length)
                },
                Calibration.from_json(calibration),
            )
            for key, calibration in document["calibration"].items()
        }
        return cls(
            hyperparameters,
            Columns(tuple(document["related"]), document["dynamic"]),
            {tuple(item["cat"]): item["by"] for item in document["scales"]},
            {int(group): by for group, by in document["usual"].items()},
            groups,
            document["is_nonnegative"],
        )


def group_of(series: Series) -> int:
    """Return the group that a series is trained in: its last category."""
    return series.cat[-1] if series.cat else 0


def rows_of(
    series: Series,
    columns: Columns,
    scales: Mapping[str, float],
    positions: npt.NDArray[np.int64],
    leads: range,
) -> Table:
    """Return feature rows, shape (origins × leads, features); the last is the first category."""
    rows = table(series, columns, scales, positions, leads.stop - 1)[:, leads.start - 1 :]
    first = np.full((*rows.shape[:2], 1), series.cat[0] if series.cat else 0, dtype=np.float32)
    return np.concatenate([rows, first], axis=2).reshape(-1, rows.shape[2] + 1)


def leads_of(segment: str, horizon: int) -> range:
    """Return the leads of one of `SEGMENTS`; empty if the horizon is shorter."""
    if segment == FIRST_HOURS:
        return range(1, min(horizon, first_hours.LEADS) + 1)
    return range(first_hours.LEADS + 1, horizon + 1)


def _trees(folder: Path, group: int, segment: str, fold: int, level: float) -> Path:
    return folder / f"trees-{group}-{segment}-{fold}-{level:g}.txt.gz"


def _booster(path: Path) -> lgb.Booster:
    try:
        return lgb.Booster(model_str=gzip.decompress(path.read_bytes()).decode())
    except (lgb.basic.LightGBMError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from None
