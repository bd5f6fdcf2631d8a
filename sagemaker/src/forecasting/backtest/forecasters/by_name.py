"""The models that can be backtested, by name; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from forecasting.backtest.forecasters.base import Forecaster
from forecasting.errors import ForecastingError


def forecaster(name: str, seed: int) -> Forecaster:
    """A new model by its name.

    Raises
    ------
    ForecastingError
        There is none of that name.
    """
    if name not in MODELS:
        raise ForecastingError(f"MODEL must be one of {', '.join(MODELS)}; got {name!r}")
    return MODELS[name](seed)


def _persistence(_: int) -> Forecaster:
    from forecasting.backtest.forecasters.naive import Persistence  # noqa: PLC0415

    return Persistence()


def _seasonal_naive(season: int) -> Callable[[int], Forecaster]:
    def make(_: int) -> Forecaster:
        from forecasting.backtest.forecasters.naive import SeasonalNaive  # noqa: PLC0415

        return SeasonalNaive(season)

    return make


def _boosting(seed: int) -> Forecaster:
    from forecasting.backtest.forecasters.boosting import Boosting  # noqa: PLC0415  (LightGBM)

    return Boosting(seed)


def _deepar(seed: int) -> Forecaster:
    from forecasting.backtest.forecasters.deepar import DeepAR  # noqa: PLC0415  (torch)

    return DeepAR(seed)


def _stock_deepar(seed: int) -> Forecaster:
    from forecasting.backtest.forecasters.stock_deepar import StockDeepAR  # noqa: PLC0415  (torch)

    return StockDeepAR(seed)


def _own_lags(seed: int) -> Forecaster:
    from forecasting.backtest.forecasters.own_lags import OwnLags  # noqa: PLC0415  (LightGBM)

    return OwnLags(seed)


def _autoets(_: int) -> Forecaster:
    from forecasting.backtest.forecasters.autoets import AutoETS  # noqa: PLC0415  (statsforecast)

    return AutoETS()


MODELS: Mapping[str, Callable[[int], Forecaster]] = {
    "boosting": _boosting,
    "deepar": _deepar,
    "stock-deepar": _stock_deepar,
    "own-lags": _own_lags,
    "autoets": _autoets,
    "persistence": _persistence,
    "naive-24": _seasonal_naive(24),
    "naive-168": _seasonal_naive(168),
}
"""Makers of models, given a seed; the slowest first."""

CHAMPION = "boosting"
BASELINES = (
    "persistence", "naive-24", "naive-168", "autoets", "own-lags", "stock-deepar", "deepar"
)  # fmt: skip
"""What a model stands beside where nothing else is asked for."""

WITH_WEATHER = ("boosting", "deepar")
"""Models that make use of weather that is known in advance."""
