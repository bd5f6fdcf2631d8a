"""What can be asked of ``backtest``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from forecasting.backtest.forecasters.base import Contestant
from forecasting.backtest.forecasters.by_name import MODELS, WITH_WEATHER
from forecasting.errors import ForecastingError


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Parameters
    ----------
    data
        Folder of CSV files; None is the lake.
    train_end, test_end, origin_step
        As `Plan` has them; None is the default of the data.
    out
        Parquet file of the model's forecasts; those of further seeds go beside it.
    seeds
        Of the model; its rivals take the first.
    weather_known
        Whether the model is shown the recorded weather to come.
    jobs
        Processes at once.
    page
        HTML file of the report.
    environment
        Whose lake it is.
    """

    data: Path | None
    train_end: datetime | None
    test_end: datetime | None
    origin_step: int
    out: Path
    model: str
    baselines: Sequence[str]
    seeds: Sequence[int]
    weather_known: bool
    jobs: int
    page: Path
    environment: str

    def contestants(self) -> list[Contestant]:
        """The model by its seeds, then its rivals.

        Raises
        ------
        ForecastingError
            A model is not known, or can make no use of the weather.
        """
        for option, names in (("MODEL", [self.model]), ("BASELINES", self.baselines)):
            unknown = [name for name in names if name not in MODELS]
            if unknown:
                raise ForecastingError(f"{option} must be of {', '.join(MODELS)}; got {unknown[0]}")
        if self.weather_known and self.model not in WITH_WEATHER:
            raise ForecastingError(
                f"WEATHER=known is of use to {' and '.join(WITH_WEATHER)} only; got {self.model}"
            )
        mine = [Contestant(self.model, seed, self.weather_known) for seed in self.seeds]
        rivals = [Contestant(name, self.seeds[0]) for name in dict.fromkeys(self.baselines)]
        return mine + [one for one in rivals if one not in mine]
