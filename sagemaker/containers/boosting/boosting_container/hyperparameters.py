"""Boosting's hyperparameters: names, defaults and ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from container_runtime import parameters

LATER_BAGGING = 0.5
"""Share of `Hyperparameters.bagging_fraction` in the trees of the later hours."""


@dataclass(frozen=True)
class Hyperparameters:
    """Validated hyperparameters of one training. LightGBM's parameters keep their names.

    Parameters
    ----------
    time_freq
        Step of every series; only ``H``, because the features are hourly.
    prediction_length
        Number of steps to forecast.
    origin_hours
        Hours between training origins, counted back from the end of a series. The default has no
        factor in common with a day, so that origins at all hours of the day occur: a model that is
        trained on one hour only is much worse at others, and its bands are too narrow there.
    folds
        Number of groups of days; each is held out from one of the models.
    block_days
        Consecutive days that go to one fold, longer than a spell of weather. Reduced if the
        series are too short.
    outer_num_leaves, outer_min_data_in_leaf
        Settings of the quantiles below 0.25 and above 0.75, which few values determine: trees
        that suit the median overfit there.
    bagging_fraction
        Share of the rows of the first hours that a tree is trained on. Of the later hours, which
        have several times as many rows per origin, it is `LATER_BAGGING` of that.
    seed
        Random seed; the same seed and data give the same model.
    """

    time_freq: str
    prediction_length: int
    origin_hours: int = 13
    folds: int = 4
    block_days: int = 14
    rounds: int = 130
    learning_rate: float = 0.1
    num_leaves: int = 24
    min_data_in_leaf: int = 300
    outer_num_leaves: int = 16
    outer_min_data_in_leaf: int = 800
    feature_fraction: float = 0.3
    bagging_fraction: float = 0.7
    max_bin: int = 127
    seed: int = 1

    @property
    def frequency(self) -> str:
        """``time_freq`` in pandas' notation."""
        return parameters.pandas_frequency(self.time_freq)

    def to_json(self) -> dict[str, Any]:
        """Return plain values from which the same hyperparameters can be built."""
        return asdict(self)

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Hyperparameters:
        """Read the strings of ``hyperparameters.json``.

        Raises
        ------
        HyperparameterError
            A hyperparameter is missing, unknown or out of range; the message names all of them.
        """
        required = ("time_freq", "prediction_length")
        return cls(**parameters.parse(given, _PARSERS, algorithm="boosting", required=required))


def _hourly(text: str) -> str:
    if parameters.frequency(text) != "H":
        raise ValueError("H: the features are hourly")
    return "H"


MOST_LEAVES = 131_072
"""LightGBM's own limit: https://lightgbm.readthedocs.io/en/stable/Parameters.html"""

_SHARE = parameters.number(1e-3, 1 + 1e-9, "a number above 0 and at most 1")

_PARSERS: dict[str, parameters.Parser] = {
    "time_freq": _hourly,
    "prediction_length": parameters.integer(1, 168),
    "origin_hours": parameters.integer(1),
    "folds": parameters.integer(2, 20),
    "block_days": parameters.integer(1),
    "rounds": parameters.integer(1, 10_000),
    "learning_rate": parameters.number(1e-8, 1, "a number above 0 and below 1"),
    "num_leaves": parameters.integer(2, MOST_LEAVES),
    "min_data_in_leaf": parameters.integer(1),
    "outer_num_leaves": parameters.integer(2, MOST_LEAVES),
    "outer_min_data_in_leaf": parameters.integer(1),
    "feature_fraction": _SHARE,
    "bagging_fraction": _SHARE,
    "max_bin": parameters.integer(2, 65_535),
    "seed": parameters.integer(0, 2**31 - 1),
}
