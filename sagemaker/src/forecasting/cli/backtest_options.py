"""What can be asked of ``backtest``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from forecasting.backtest.forecasters.base import Contestant
from forecasting.backtest.forecasters.by_name import BASELINES, CHAMPION, MODELS, WITH_WEATHER
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


def add(command: argparse.ArgumentParser) -> None:
    """Tell a command's parser what can be asked for."""
    command.add_argument(
        "--data", type=Path, help="folder of CSV files in UCI's Beijing format (default: the lake)"
    )
    command.add_argument("--train-end", type=_day, help="first day that is not trained on")
    command.add_argument("--test-end", type=_day, help="first day without an origin")
    command.add_argument("--origin-step", type=int, default=1, help="days between origins")
    command.add_argument("--out", type=Path, required=True, help="Parquet file of the forecasts")
    command.add_argument("--report", type=Path, help="HTML file (default: beside --out)")
    command.add_argument("--model", default=CHAMPION, help=f"one of {', '.join(MODELS)}")
    command.add_argument(
        "--baselines", type=_names, default=BASELINES, help="models to stand beside, with commas"
    )
    command.add_argument(
        "--seeds", type=_seeds, default=[1], help="of the model, with commas; rivals take the first"
    )
    command.add_argument(
        "--weather",
        choices=("unknown", "known"),
        default="unknown",
        help="known: show the model the recorded weather to come, as perfect foresight",
    )
    command.add_argument(
        "--jobs", type=_jobs, default=os.cpu_count() or 1, help="models at once (default: cores)"
    )


def read(arguments: argparse.Namespace) -> Options:
    """The options out of what a parser found."""
    return Options(
        data=arguments.data,
        train_end=arguments.train_end,
        test_end=arguments.test_end,
        origin_step=arguments.origin_step,
        out=arguments.out,
        model=arguments.model,
        baselines=arguments.baselines,
        seeds=arguments.seeds,
        weather_known=arguments.weather == "known",
        jobs=arguments.jobs,
        page=arguments.report or arguments.out.with_suffix(".html"),
    )


def _names(text: str) -> list[str]:
    return [name for name in (part.strip() for part in text.split(",")) if name]


def _seeds(text: str) -> list[int]:
    try:
        seeds = list(dict.fromkeys(int(name) for name in _names(text)))
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0:
        raise argparse.ArgumentTypeError(f"expected seeds such as 1,2,3; got {text!r}")
    return seeds


def _jobs(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number of processes from 1; got {text!r}")
    return int(text)


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007  (local time, as in the files)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a day such as 2016-09-01; got {text!r}"
        ) from None
