"""Options of ``backtest``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from forecasting.backtest.forecasters.base import Contestant
from forecasting.backtest.forecasters.by_name import MODELS, WITH_WEATHER
from forecasting.backtest.rolling_origin import Plan, check_hours, check_step
from forecasting.errors import ForecastingError


@dataclass(frozen=True)
class Options:
    """Options of a backtest.

    Parameters
    ----------
    data
        Folder of CSV files; None means the lake.
    columns
        Name or TOML file of their column map; None means the built-in map that fits.
    train_end, test_end, origin_step, origin_hours
        See `Plan`; None means the default for the data.
    out
        Parquet file of the model's forecasts; files of further seeds are written to its folder.
    seeds
        Seeds of the model; baselines use the first.
    weather_known
        Whether the model gets the recorded weather of the forecast hours.
    jobs
        Number of parallel processes.
    page
        HTML file of the report.
    environment
        Environment of the lake.
    """

    data: Path | None
    columns: str | None
    train_end: datetime | None
    test_end: datetime | None
    origin_step: int
    origin_hours: Sequence[int]
    out: Path
    model: str
    baselines: Sequence[str]
    seeds: Sequence[int]
    weather_known: bool
    jobs: int
    page: Path
    environment: str

    def contestants(self) -> list[Contestant]:
        """Returns the model once per seed, then the baselines.

        Raises
        ------
        ForecastingError
            A model is unknown or cannot use the weather.
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
        baselines = [Contestant(name, self.seeds[0]) for name in dict.fromkeys(self.baselines)]
        return mine + [one for one in baselines if one not in mine]

    def check_days(self) -> None:
        """Checks the days that are given, before the data are read.

        Raises
        ------
        ForecastingError
            They make no plan.
        """
        if self.train_end and self.test_end:
            Plan(self.train_end, self.test_end, self.origin_step)
        check_step(self.origin_step)
        check_hours(self.origin_hours)
