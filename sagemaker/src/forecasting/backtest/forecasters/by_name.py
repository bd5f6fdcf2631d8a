"""Builds the models of a backtest by name; each is imported only when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name

from forecasting.backtest.forecasters.base import Forecaster
from forecasting.errors import ForecastingError

_SEEDED = {
    "boosting": "boosting:Boosting",
    "deepar": "deepar:DeepAR",
    "stock-deepar": "stock_deepar:StockDeepAR",
    "own-lags": "own_lags:OwnLags",
}
"""Modules and classes of the models with a random seed; the slowest first."""

_FIXED: Mapping[str, tuple[str, *tuple[int, ...]]] = {
    "autoets": ("autoets:AutoETS",),
    "persistence": ("naive:Persistence",),
    "naive-24": ("naive:SeasonalNaive", 24),
    "naive-168": ("naive:SeasonalNaive", 168),
}
"""Modules, classes and arguments of the models without a random seed."""

MODELS = (*_SEEDED, *_FIXED)

CHAMPION = "boosting"
BASELINES = (
    "persistence", "naive-24", "naive-168", "autoets", "own-lags", "stock-deepar", "deepar"
)  # fmt: skip
"""Default models for comparison."""

WITH_WEATHER = ("boosting", "deepar")
"""Models that use weather that is known in advance."""


def forecaster(name: str, seed: int) -> Forecaster:
    """Build a new model by its name.

    Raises
    ------
    ForecastingError
        No model has the name.
    """
    if name not in MODELS:
        raise ForecastingError(f"MODEL must be one of {', '.join(MODELS)}; got {name!r}")
    path, *arguments = (_SEEDED[name], seed) if name in _SEEDED else _FIXED[name]
    made: Forecaster = resolve_name(f"{__package__}.{path}")(*arguments)
    return made
