"""The models that can be backtested, by name; each is imported when it is asked for."""

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
"""Modules and classes of the models that are made with a seed; the slowest first."""

_FIXED: Mapping[str, tuple[str, *tuple[int, ...]]] = {
    "autoets": ("autoets:AutoETS",),
    "persistence": ("naive:Persistence",),
    "naive-24": ("naive:SeasonalNaive", 24),
    "naive-168": ("naive:SeasonalNaive", 168),
}
"""Modules, classes and arguments of the models that are made without one."""

MODELS = (*_SEEDED, *_FIXED)

CHAMPION = "boosting"
BASELINES = (
    "persistence", "naive-24", "naive-168", "autoets", "own-lags", "stock-deepar", "deepar"
)  # fmt: skip
"""What a model stands beside where nothing else is asked for."""

WITH_WEATHER = ("boosting", "deepar")
"""Models that make use of weather that is known in advance."""


def forecaster(name: str, seed: int) -> Forecaster:
    """Make a model by its name.

    Raises
    ------
    ForecastingError
        There is none of that name.
    """
    if name not in MODELS:
        raise ForecastingError(f"MODEL must be one of {', '.join(MODELS)}; got {name!r}")
    path, *arguments = (_SEEDED[name], seed) if name in _SEEDED else _FIXED[name]
    made: Forecaster = resolve_name(f"{__package__}.{path}")(*arguments)
    return made
